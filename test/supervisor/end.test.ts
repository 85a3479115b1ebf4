// The end comes at once, whatever hangs: a run that waits for a disk that is gone, and every thread with it.

import { execFileSync } from 'node:child_process'
import { closeSync, constants, existsSync, open, openSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { openControlClient } from '../../src/control/client.ts'
import { identifyProject, placeProject } from '../../src/control/paths.ts'
import type { Event } from '../../src/control/protocol.ts'
import { openControlServer } from '../../src/control/server.ts'
import { problemOf } from '../../src/model/problem.ts'
import { startSupervisor } from '../../src/supervisor/supervisor.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { startSshd } from '../helpers/sshd.ts'
import { selectionOf } from './selection-of.ts'

/** Holds every thread that files and names go through, as a hanging disk does. Returns what lets them go. */
function holdThreads(): () => Promise<void> {
  const pipe = testFolder().join('pipe')
  execFileSync('mkfifo', [pipe])
  const opened = Array.from(
    { length: 8 },
    () => new Promise<void>((resolve) => open(pipe, 'r', (_, fd) => resolve(closeSync(fd)))),
  )
  return async () => {
    const other = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
    await Promise.all(opened)
    closeSync(other)
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('close', () => socket.destroy()).unref()
    socket.on('connect', () => socket.destroy())
  })
}

test('what it came to is told also when that is why it ends at once', async () => {
  const folder = testFolder()
  const sshd = await startSshd()
  const host = { hostname: '127.0.0.1', port: sshd.port, user: sshd.user, ssh_config: false }
  const forwards = { web: { via: 'acme', local: `127.0.0.1:${await freePort()}`, to: 1 } }
  const file = folder.write('tunnels.yaml', JSON.stringify({ hosts: { acme: host }, forwards }))
  const events: Event[] = []
  const supervisor = await startSupervisor({
    selection: selectionOf([file], { environment: { HOME: folder.path } }),
    watch: false,
    version: '1',
    onEvent: (event) => events.push(event),
  })
  await eventually(() => supervisor.status().hosts[0]?.state === 'waiting', { everyMs: 1 })
  await supervisor.down({})
  expect(events).toContainEqual(
    expect.objectContaining({ name: 'web', problem: expect.objectContaining({ code: 'HOST_KEY_UNKNOWN' }) }),
  )
})

test('down is answered, and the ports and the lock are free, while a run hangs with every thread', async () => {
  const folder = testFolder()
  const port = await freePort()
  const file = folder.write(
    'tunnels.yaml',
    `forwards:\n  web: -L 127.0.0.1:${port}:localhost:1 nobody@127.0.0.1:1\n`,
  )
  const env = { TUNNELS_RUNTIME_DIR: folder.join('run'), TUNNELS_STATE_DIR: folder.join('state') }
  const place = placeProject(await identifyProject(file, { cwd: folder.path, projectName: null }), env)
  const server = (await openControlServer({ place, env, version: '1' }))!
  atEnd(() => server.close())
  const selection = selectionOf([file], { environment: { HOME: folder.path } })
  const supervisor = await startSupervisor({ selection, watch: true, version: '1' })
  await server.serve(supervisor)
  const client = (await openControlClient({ place, env, version: '1' }))!
  expect(await isOpen(port)).toBe(true)

  const letGo = holdThreads()
  try {
    const hanging = [client.reconcile(), client.plan(), client.down({ names: ['web'] })].map((each) =>
      each.catch((error) => problemOf(error).code),
    )
    await client.healthz()
    await client.down()
    await supervisor.ended
    expect(await isOpen(port)).toBe(false)
    expect(existsSync(server.socket)).toBe(false)
    await letGo()
    expect(await Promise.all(hanging)).toEqual(['NOT_RUNNING', 'NOT_RUNNING', 'NOT_RUNNING'])
    expect(await isOpen(port)).toBe(false)
  } finally {
    await letGo()
  }
})

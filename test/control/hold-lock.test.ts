// The runtime folder goes away under a running supervisor: cleaners of /tmp and the end of a login do that.

import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type HeldLock, holdLock } from '../../src/control/hold-lock.ts'
import { findHolder, isAlive } from '../../src/control/lock.ts'
import { identifyProject, lockDirOf, placeProject } from '../../src/control/paths.ts'
import { eventually } from '../helpers/eventually.ts'

async function newProject() {
  const folder = mkdtempSync(join(tmpdir(), 'tunnels-hold-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const env = { TUNNELS_RUNTIME_DIR: join(folder, 'deep', 'run'), TUNNELS_STATE_DIR: join(folder, 'state') }
  const identity = await identifyProject(join(folder, 'tunnels.yaml'), { cwd: folder, projectName: null })
  return { env, place: placeProject(identity, env), base: join(folder, 'deep') }
}

type NewProject = Awaited<ReturnType<typeof newProject>>

/** A supervisor's part in it: a server that says its name. */
async function hold({ env, place }: NewProject, name: string): Promise<[HeldLock | null, Server]> {
  const server = createServer((socket) => void socket.on('error', () => {}).write(name))
  const { folder, file } = place
  const info = { project: name, projectName: null, folder, file, pid: process.pid, version: '1' }
  const held = await holdLock(server, { place, env, info })
  onTestFinished(async () => {
    await held?.release()
    server.close()
  })
  return [held, server]
}

async function said(socket: string): Promise<string> {
  const client = connect(socket)
  const [name] = await once(client, 'data')
  client.destroy()
  return String(name)
}

const removals: [string, (project: NewProject) => void][] = [
  ['the folder above it', ({ base }) => rmSync(base, { recursive: true })],
  ['the runtime folder', ({ place }) => rmSync(place.runtimeDir, { recursive: true })],
  ['the lock', ({ place }) => rmSync(lockDirOf(place), { recursive: true })],
  ['the socket', ({ place }) => unlinkSync(fileIn(place, '.sock'))],
]

function fileIn(place: NewProject['place'], ending: string): string {
  const name = readdirSync(lockDirOf(place)).find((each) => each.endsWith(ending))
  return join(lockDirOf(place), name!)
}

test.each(removals)('%s is removed: it is put back, and nobody else gets in', async (_what, remove) => {
  const project = await newProject()
  const [held] = await hold(project, 'shop')
  const early = connect(held!.socket)
  onTestFinished(() => void early.destroy())
  await once(early, 'data')
  remove(project)
  const holder = await eventually(async () => {
    const found = await findHolder(lockDirOf(project.place))
    return found && (await isAlive(found.socket)) ? found : null
  })
  expect(await said(holder.socket)).toBe('shop')
  expect(held!.socket).toBe(holder.socket)
  expect(holder.info).toMatchObject({ project: 'shop', pid: process.pid })
  expect(early.destroyed).toBe(false)
  expect((await hold(project, 'second'))[0]).toBeNull()
  expect(await said(holder.socket)).toBe('shop')
  await held!.release()
  expect(await findHolder(lockDirOf(project.place))).toBeNull()
})

test('what stands beside the socket is put back, too', async () => {
  const project = await newProject()
  const [held] = await hold(project, 'shop')
  const socket = held!.socket
  unlinkSync(fileIn(project.place, '.json'))
  const holder = await eventually(async () => {
    const found = await findHolder(lockDirOf(project.place))
    return found?.info ? found : null
  })
  expect(holder).toMatchObject({ socket, info: { project: 'shop' } })
})

test('somebody else was quicker: the first one hears that it has lost, and disturbs the second no more', async () => {
  const project = await newProject()
  const [first, server] = await hold(project, 'first')
  rmSync(project.base, { recursive: true })
  const [second] = await hold(project, 'second')
  expect(second).not.toBeNull()
  await first!.lost
  expect(server.listening).toBe(false)
  await first!.release()
  expect(await said(second!.socket)).toBe('second')
})

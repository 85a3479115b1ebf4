// What goes wrong on a day like any other, with the built binary: each fault heals by itself, and disturbs nothing
// else. How long each takes is measured by run.mjs, not here.

import { spawnSync } from 'node:child_process'
import { unlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { holdStream } from '../e2e/held-stream.ts'
import { forwardWhen, projectVia } from '../e2e/project-via.ts'
import { openStream, probe, startNamedEcho } from '../e2e/streams.ts'
import { exchange } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort } from '../helpers/ports.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'

const RUN = fileURLToPath(new URL('./run.mjs', import.meta.url))
const hasNamespaces = spawnSync('unshare', ['-n', 'nft', 'list', 'ruleset']).status === 0

test('a Unix socket whose file is taken away is made again, and its connections go on', async () => {
  const [sshd, echo] = await Promise.all([startSshd(), startNamedEcho('echo')])
  const cli = projectVia(sshd, { echo: { local: './echo.sock', to: `127.0.0.1:${echo.port}` } })
  await cli.up()
  const path = `${cli.folder}/echo.sock`
  const stream = await openStream(path)
  unlinkSync(path)
  await eventually(() => probe(path))
  await stream.flows()
  await stream.end()
  const { problem } = await forwardWhen(cli, 'echo', ({ state }) => state === 'open')
  expect(problem).toBeNull()
})

test('a supervisor that stood still for longer than its keepalive allows loses nothing', async () => {
  const [sshd, echo, port] = await Promise.all([startSshd(), startEcho(), freePort()])
  const host = { server_alive_interval: '300ms', server_alive_count_max: 2 }
  const cli = projectVia(sshd, { echo: { local: port, to: `127.0.0.1:${echo.port}` } }, { host })
  await cli.up()
  const stream = await holdStream(port)
  const { pid } = (await cli.status()).supervisor
  process.kill(pid, 'SIGSTOP')
  const asleepUntil = Date.now() + 6_000
  try {
    await eventually(() => Date.now() > asleepUntil)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await stream.stillRuns()
  expect((await cli.status()).hosts).toMatchObject([{ state: 'open', reconnects: 0 }])
  expect(await stream.finish()).toBeGreaterThan(0)
  expect(sshd.logins()).toBe(1)
})

test('a session that is killed is made again while another host goes on', async () => {
  const [near, far, echo] = await Promise.all([startSshd(), startSshd(), startEcho()])
  const [one, other] = [await freePort(), await freePort()]
  const to = `127.0.0.1:${echo.port}`
  const shaken = projectVia(near, { echo: { local: one, to } })
  const steady = projectVia(far, { echo: { local: other, to } })
  await Promise.all([shaken.up(), steady.up()])
  const stream = await holdStream(other)
  await near.killSessions()
  await eventually(async () => String(await exchange(one, 'again')) === 'again')
  expect((await shaken.status()).hosts).toMatchObject([{ state: 'open', reconnects: 1 }])
  await stream.stillRuns()
})

const lab = hasNamespaces
  ? 'the fault lab shows a connection that was forgotten on its way'
  : 'the fault lab shows a session that was killed (a cut wire is left out: no network namespaces here)'

test(lab, () => {
  const row = hasNamespaces ? 'half-open' : 'killed'
  const { stdout, stderr } = spawnSync(process.execPath, [RUN, '--only', row], { encoding: 'utf8' })
  const [, , ours] = (stdout.split('\n').findLast((line) => line.startsWith('| ')) ?? '').split(' | ')
  expect(ours, stderr).toMatch(hasNamespaces ? /^noticed \d/ : /^back \d/)
})

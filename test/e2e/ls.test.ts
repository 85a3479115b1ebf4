// `ls` and `down --all`: what runs for this user, from anywhere, also what hangs, was killed or lost its file.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import type { RunningProject } from '../../src/view/projects.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { canListen, freePort } from '../helpers/ports.ts'
import { isAlive } from '../helpers/processes.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd()
})

interface Named extends CliProject {
  port: number
}

/** Projects of one user: they share the runtime folder of the first. */
async function projects(...names: string[]): Promise<Named[]> {
  const made: Named[] = []
  for (const name of names) {
    const port = await freePort()
    const host = `  acme: ${hostYaml(sshd)}`
    const file = `name: ${name}\nhosts:\n${host}\nforwards:\n  web: -L ${port}:127.0.0.1:1 acme\n`
    const shared = made[0] ? { TUNNELS_RUNTIME_DIR: made[0].env.TUNNELS_RUNTIME_DIR! } : {}
    made.push({ ...project({ 'tunnels.yaml': file }, shared), port })
  }
  return made
}

async function list(cli: CliProject): Promise<RunningProject[]> {
  const { code, stdout } = await cli.run(['ls', '--json'], { cwd: '/', timeoutMs: 20_000 })
  expect(code).toBe(0)
  return JSON.parse(stdout).projects
}

test('every project is listed, from anywhere, also one whose file is gone', async () => {
  const [alpha, beta] = (await projects('alpha', 'beta')) as [Named, Named]
  expect(await list(alpha)).toEqual([])
  await beta.up()
  await alpha.up()
  rmSync(join(beta.folder, 'tunnels.yaml'))
  expect(await list(alpha)).toMatchObject([
    { project: 'alpha', state: 'running', fileGone: false, forwards: { open: 1, total: 1 } },
    { project: 'beta', state: 'running', fileGone: true, files: [join(beta.folder, 'tunnels.yaml')] },
  ])
  const { stdout } = await alpha.run(['ls'], { cwd: '/' })
  expect(stdout).toMatch(/alpha +running +1\/1/)
  expect(stdout).toMatch(/beta +file is gone +1\/1/)
  await alpha.down()
  expect((await list(alpha)).map(({ project }) => project)).toEqual(['beta'])
})

test('one that hangs is shown as such, within a bound; one that was killed is not shown', async () => {
  const [hung, killed, well] = (await projects('hung', 'killed', 'well')) as [Named, Named, Named]
  await Promise.all([hung.up(), killed.up(), well.up()])
  const hungPid = (await hung.status()).supervisor.pid
  const killedPid = (await killed.status()).supervisor.pid
  process.kill(killedPid, 'SIGKILL')
  await eventually(() => !isAlive(killedPid))
  process.kill(hungPid, 'SIGSTOP')
  onTestFinished(() => void process.kill(hungPid, 'SIGCONT'))
  const rows = await list(well)
  expect(rows).toMatchObject([
    { project: 'hung', state: 'unreachable', pid: hungPid, problem: { code: 'SUPERVISOR_UNREACHABLE' } },
    { project: 'well', state: 'running' },
  ])
  const { stdout } = await well.run(['ls'])
  expect(stdout).toMatch(/hung +does not answer/)
  expect(stdout).toContain(`kill -9 ${hungPid}`)
})

test('down --all closes every one, and names the one that hangs', async () => {
  const [alpha, beta, hung] = (await projects('alpha', 'beta', 'hung')) as [Named, Named, Named]
  await Promise.all([alpha.up(), beta.up(), hung.up()])
  const { pid } = (await hung.status()).supervisor
  process.kill(pid, 'SIGSTOP')
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, 'SIGCONT')
  })
  const down = await alpha.run(['down', '--all'], { cwd: '/', timeoutMs: 30_000 })
  expect(down.code).toBe(1)
  expect(down.stderr).toContain(`process ${pid}`)
  expect(await canListen('127.0.0.1', alpha.port)).toBe(true)
  expect(await canListen('127.0.0.1', beta.port)).toBe(true)
  process.kill(pid, 'SIGCONT')
  expect((await alpha.run(['down', '--all'])).code).toBe(0)
  expect(await canListen('127.0.0.1', hung.port)).toBe(true)
  expect(await list(alpha)).toEqual([])
  expect((await alpha.run(['down', '--all', 'web'])).code).toBe(2)
})

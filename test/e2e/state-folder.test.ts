// The folder for the log and the remembered ports cannot be made: an account without a home, a read-only disk, a
// wrong TUNNELS_STATE_DIR. Tunnels without a log are better than none.

import { beforeEach, expect, test } from 'vitest'
import type { Problem } from '../../src/model/problem.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort } from '../helpers/ports.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { probe, startNamedEcho } from './streams.ts'
import { fileOf } from './watched-project.ts'

let sshd: Sshd
let cli: CliProject
let port: number
let to: string

beforeEach(async () => {
  sshd = await startSshd()
  port = await freePort()
  to = `127.0.0.1:${(await startNamedEcho('one')).port}`
  cli = project({
    'tunnels.yaml': fileOf({ acme: hostYaml(sshd) }, { web: { via: 'acme', local: port, to } }),
  })
})

const places: [string, () => Record<string, string>][] = [
  ['no home', () => ({ HOME: '/dev/null/nobody', TUNNELS_STATE_DIR: '' })],
  ['a folder that cannot be', () => ({ TUNNELS_STATE_DIR: '/dev/null/x' })],
  ['a file in its place', () => ({ TUNNELS_STATE_DIR: cli.write('state', '') })],
]

test.each(places)('%s: up -d comes up, and says once that no log is kept', async (_what, placesOf) => {
  Object.assign(cli.env, placesOf())
  const { stderr } = await cli.up()
  expect(stderr.match(/STATE_UNWRITABLE/g)).toHaveLength(1)
  expect(stderr).toMatch(/warning: No log is kept: \S+ cannot be written \(E/)
  expect(stderr).toContain('TUNNELS_STATE_DIR')
  expect(await probe(port)).toBe('one')
  expect(await cli.run(['logs'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('There is no log'),
  })
})

test('up in the foreground comes up, too', async () => {
  cli.env.TUNNELS_STATE_DIR = '/dev/null/x'
  const up = cli.start(['up'])
  await eventually(async () => (await probe(port)) === 'one')
  expect(up.stderr().match(/STATE_UNWRITABLE/g)).toHaveLength(1)
  up.signal('SIGINT')
  expect((await up.ended).code).toBe(130)
})

test.each([[['up']], [['up', '-d']], [['plan']]])('%j with `local: auto` is that problem', async (args) => {
  cli.write('tunnels.yaml', fileOf({ acme: hostYaml(sshd) }, { web: { via: 'acme', local: 'auto', to } }))
  cli.env.TUNNELS_STATE_DIR = '/dev/null/x'
  const { code, stdout, stderr } = await cli.run([...args, '--json'])
  expect(code).toBe(1)
  const { problems } = JSON.parse(stdout) as { problems: Problem[] }
  expect(problems).toMatchObject([
    { code: 'STATE_UNWRITABLE', hint: expect.stringContaining('TUNNELS_STATE_DIR') },
  ])
  expect(stdout + stderr).not.toMatch(/INTERNAL| at .*\.js/)
  expect(sshd.connections()).toBe(0)
})

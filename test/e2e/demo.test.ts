// `tunnels demo` as somebody runs it who has just installed the package: alone, on a terminal, with a second one.

import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Status } from '../../src/model/status.ts'
import { type CliProject, project, type RunningCli } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'

/** In front of a command: gives it a terminal, by script(1). */
const onTerminal =
  process.platform === 'darwin'
    ? ['script', '-q', '/dev/null']
    : ['/bin/sh', '-c', 'exec script -qec "$*" /dev/null', 'sh']

/** A project folder without a tunnels.yaml, whose temporary files go where the test can see them. */
function emptyProject(): CliProject & { temporary: string } {
  const cli = project({})
  const temporary = join(cli.folder, 'tmp')
  mkdirSync(temporary)
  cli.env.TMPDIR = temporary
  return { ...cli, temporary }
}

function expectNothingLeft(cli: CliProject & { temporary: string }): void {
  expect(readdirSync(cli.temporary)).toEqual([])
  expect(readdirSync(cli.env.HOME!)).toEqual([])
  expect(readdirSync(cli.env.TUNNELS_RUNTIME_DIR!)).toEqual([])
}

async function playing(cli: CliProject): Promise<{ demo: RunningCli; file: string; status: Status }> {
  const demo = cli.start(['demo'], { prefix: onTerminal })
  await eventually(() => demo.stdout().includes('A saved edit is applied at once'))
  const file = /-f (\S+) status/.exec(demo.stdout())![1]!
  const status = await cli.run(['-f', file, 'status', '--json'])
  expect(status).toMatchObject({ code: 0 })
  return { demo, file, status: JSON.parse(status.stdout) }
}

test('in a pipe it tells its story and ends by itself, within 15 seconds, with no ssh installed', async () => {
  const cli = emptyProject()
  const onlyNode = join(cli.folder, 'bin')
  mkdirSync(onlyNode)
  symlinkSync(process.execPath, join(onlyNode, 'node'))
  const { code, stdout } = await cli.run(['demo'], { env: { PATH: onlyNode }, timeoutMs: 15_000 })
  expect(code).toBe(0)
  for (const answer of ['from web.demo', 'from your own machine', 'from shop.demo', 'none missing'])
    expect(stdout).toContain(answer)
  expect(stdout).toContain('+ forward docs: declared in the file')
  expectNothingLeft(cli)
})

test('on a terminal it stays; a second terminal sees it, an edit is applied, Ctrl-C cleans up', async () => {
  const cli = emptyProject()
  const { demo, file, status } = await playing(cli)
  expect(status.forwards.map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
    'browse open',
    'docs open',
    'web open',
    'webhook open',
  ])
  writeFileSync(file, `${readFileSync(file, 'utf8')}  extra: -L 0:web.demo:80 far\n`)
  await eventually(() => demo.stdout().includes('forward extra: declared in the file'))
  process.kill(status.supervisor.pid, 'SIGINT')
  expect(await demo.ended).toMatchObject({ code: 0 })
  expect(demo.stdout()).toContain('Everything that the demo had opened is closed again.')
  expectNothingLeft(cli)
})

test('`tunnels down` in a second terminal ends it, too', async () => {
  const cli = emptyProject()
  const { demo, file } = await playing(cli)
  expect(await cli.run(['-f', file, 'down'])).toMatchObject({ code: 0 })
  expect(await demo.ended).toMatchObject({ code: 0 })
  expectNothingLeft(cli)
})

test('SIGTERM ends it with 143, or with 0 once the story is told, and cleans up', async () => {
  const cli = emptyProject()
  const demo = cli.start(['demo', '--once'])
  await eventually(() => demo.stdout().includes('A far side'), { everyMs: 1 })
  demo.signal('SIGTERM')
  const { code, stdout } = await demo.ended
  expect([0, 143]).toContain(code)
  expect(stdout).toContain('Everything that the demo had opened is closed again.')
  expectNothingLeft(cli)
})

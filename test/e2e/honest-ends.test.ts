// What a command says with its last word and its exit code, when something goes wrong that is not the file's doing.

import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { isAlive } from '../helpers/processes.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { openStream, startNamedEcho } from './streams.ts'

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd()
})

async function running(forwards = 1): Promise<CliProject & { pid: number }> {
  const ports = await freePorts(forwards)
  const lines = ports.map((port, index) => `  f${index}: -D 127.0.0.1:${port} acme\n`)
  const cli = project({ 'tunnels.yaml': `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n${lines.join('')}` })
  await cli.up()
  return { ...cli, pid: (await cli.status()).supervisor.pid }
}

const toFull = ['sh', '-c', '"$@" > /dev/full', 'sh']

test.runIf(process.platform === 'linux')(
  'an answer that could not be written is a failure, and said',
  async () => {
    const cli = await running()
    for (const args of [
      ['config'],
      ['status'],
      ['status', '--json'],
      ['plan'],
      ['schema'],
      ['--help'],
      ['ls'],
    ]) {
      const { code, stderr } = await cli.run(args, { prefix: toFull })
      expect([args, code, stderr]).toEqual([args, 1, expect.stringContaining('could not be written (ENOSPC')])
    }
    const watching = cli.start(['status', '--watch'], { prefix: toFull })
    expect((await watching.ended).code).toBe(1)
  },
)

test('who reads no further (`| head`) is no failure', async () => {
  const cli = await running()
  const script = 'set -o pipefail; "$@" | head -c 1 > /dev/null'
  const { stderr } = await cli.run(['schema'], { prefix: ['bash', '-c', script, 'bash'] })
  expect(stderr).toBe('')
})

test.each(['logs -f', 'logs -f f0', 'status --watch', 'status --watch --json'])(
  '%s: a supervisor that was killed is a failure, one that was ended is none',
  async (words) => {
    const [cli, args] = [await running(), words.split(' ')]
    const begin = async () => {
      const watching = cli.start(args)
      await eventually(() => watching.stdout() !== '')
      return watching
    }
    const first = await begin()
    process.kill(cli.pid, 'SIGKILL')
    await eventually(() => !isAlive(cli.pid))
    const { code, stdout, stderr } = await first.ended
    expect([code, stdout + stderr]).toEqual([1, expect.stringContaining('has gone without a word')])
    await cli.up()
    const second = await begin()
    await cli.down()
    expect(await second.ended).toMatchObject({ code: 0 })
  },
)

test('whoever asks a supervisor that hangs hears which one, soon', async () => {
  const cli = await running()
  process.kill(cli.pid, 'SIGSTOP')
  onTestFinished(() => void process.kill(cli.pid, 'SIGCONT'))
  const asking = [['up'], ['up', '-d'], ['restart'], ['reload'], ['plan'], ['down']]
  const results = await Promise.all(asking.map((args) => cli.run(args, { timeoutMs: 25_000 })))
  for (const [index, { code, stderr }] of results.entries())
    expect([asking[index], code, stderr]).toEqual([
      asking[index],
      1,
      expect.stringContaining(`(process ${cli.pid}) does not answer`),
    ])
})

test('restart waits until its forwards are open again, or says which are not', async () => {
  const [own, port] = [await startSshd(), await freePort()]
  const cli = project({
    'tunnels.yaml': `hosts:\n  acme: ${hostYaml(own)}\nforwards:\n  web: -D 127.0.0.1:${port} acme\n  own: -D 127.0.0.1:${await freePort()} acme\n`,
  })
  await cli.up()
  expect(await cli.run(['restart'])).toMatchObject({ code: 0 })
  expect((await cli.status()).forwards).toMatchObject([{ state: 'open' }, { state: 'open' }])
  await own.stop()
  const failed = await cli.run(['restart', 'web'])
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('web is retrying') })
  const { stdout } = await cli.run(['restart', 'web', '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ problems: [{ code: 'HOST_UNREACHABLE' }] })
})

test('`up -d` behind one that drains says what it waits for', async () => {
  const echo = await startNamedEcho('echo')
  const port = await freePort()
  const file = `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n  web: -L 127.0.0.1:${port}:127.0.0.1:${echo.port} acme\n`
  const cli = project({ 'tunnels.yaml': file })
  await cli.up()
  const stream = await openStream(port)
  const down = cli.start(['down', '--drain', '30s'])
  await eventually(async () => (await cli.status()).forwards[0]?.state === 'draining')
  const up = cli.start(['up', '-d'])
  await eventually(() => expect(up.stderr()).toContain('Waiting for the supervisor that is ending'))
  await stream.end()
  expect(await up.ended).toMatchObject({ code: 0 })
  expect(await down.ended).toMatchObject({ code: 0 })
  expect(up.stderr().match(/Waiting for/g)).toHaveLength(1)
})

test.runIf(process.platform === 'linux')(
  'more listeners than the limit of open files: each says so, the rest works',
  async () => {
    const ports = await freePorts(150)
    const lines = ports.map((port, index) => `  f${index}: -D ${port} acme\n`)
    const cli = project({ 'tunnels.yaml': `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n${lines.join('')}` })
    const prefix = ['sh', '-c', 'ulimit -n 256; exec "$@"', 'sh']
    const up = await cli.run(['up', '-d'], { prefix })
    expect(up).toMatchObject({ code: 1, stderr: expect.stringContaining('LIMIT_REACHED') })
    expect(up.stderr).toContain('may have 256 files and connections open')
    const { forwards } = await cli.status()
    expect(forwards).toHaveLength(150)
    expect(forwards.filter(({ state }) => state === 'open').length).toBeGreaterThan(50)
    const troubled = forwards.filter(({ state }) => state !== 'open')
    expect(new Set(troubled.map(({ problem }) => problem?.code))).toEqual(new Set(['LIMIT_REACHED']))
    await cli.down()
  },
)

// `tunnels run`: a command with tunnels around it, which are there before it begins, while it runs, and no longer.

import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { type CliProject, hostYaml, project, type RunningCli } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { canListen, freePort, freePorts } from '../helpers/ports.ts'
import { isAlive } from '../helpers/processes.ts'
import { hasTerminals, onTerminal } from '../helpers/pty.ts'
import { startEcho, startSource } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { startAgent } from '../ssh/keys.ts'
import { fileVia, projectVia } from './project-via.ts'

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd()
})

const sh = (script: string) => ['--', 'sh', '-c', script]

async function isNothingLeft(cli: CliProject, ...ports: number[]): Promise<void> {
  expect(JSON.parse((await cli.run(['ls', '--json'])).stdout).projects).toEqual([])
  for (const port of ports) expect(await canListen('127.0.0.1', port)).toBe(true)
}

/** Resolves with what it has said when its command has said `word`. */
async function said(running: RunningCli, word: string): Promise<string> {
  return eventually(() => running.stdout().includes(word) && running.stdout())
}

test("the command's exit code and its environment are its own, and signals reach it", async () => {
  const [local, echo] = [await freePort(), await startEcho()]
  const cli = projectVia(sshd, { 'my-web': { local, to: echo.port, env: { GREETING: 'a b' } } })
  const codeOf = async (...args: string[]) => (await cli.run(['run', 'my-web', ...args])).code
  expect(await codeOf(...sh('exit 7'))).toBe(7)
  expect(await codeOf(...sh('kill -9 $$'))).toBe(137)
  expect(await codeOf('--', 'there-is-no-such-command')).toBe(127)
  expect(await codeOf('--', '')).toBe(127)
  expect(await codeOf('--', cli.write('not-executable', 'true'))).toBe(126)
  expect(await codeOf('--', 'cat', '-f', '--', '/dev/null')).toBe(1)
  expect(await codeOf('cat')).toBe(2)
  expect(await codeOf('--')).toBe(2)
  expect((await cli.run(['run', 'other', '--', 'true'])).code).toBe(2)

  const env = ['run', '--', 'env', '-0']
  const own = { SECRET: 'x\ny', PS9: '' }
  const { stdout } = await cli.run(env, { env: own })
  const given = stdout.split('\0').filter((line) => line !== '' && !/^(PWD|SHLVL|_)=/.test(line))
  const plain = Object.entries({ ...cli.env, ...own }).map(([name, value]) => `${name}=${value}`)
  expect(given).toEqual(
    expect.arrayContaining([...plain, 'GREETING=a b', 'MY_WEB_HOST=127.0.0.1', `MY_WEB_PORT=${local}`]),
  )
  const usual = ['PATH', 'USER', 'LOGNAME', 'LANG', 'GREETING', 'MY_WEB_HOST', 'MY_WEB_PORT']
  expect(given.map((line) => line.split('=')[0]).sort()).toEqual(
    [...usual, ...Object.keys(cli.env), ...Object.keys(own)].sort(),
  )

  const stubborn = cli.start([
    'run',
    ...sh('trap "echo hup" HUP; trap "echo term" TERM; echo begun; while :; do sleep 0.1; done'),
  ])
  await said(stubborn, 'begun')
  stubborn.signal('SIGHUP')
  await said(stubborn, 'hup')
  stubborn.signal('SIGTERM')
  await said(stubborn, 'term')
  stubborn.signal('SIGQUIT')
  expect((await stubborn.ended).code).toBe(131)
  await isNothingLeft(cli, local)
})

test('two at once share, each has what it named, and a killed one lets go of what it held', async () => {
  const [[one, two], echo] = [await freePorts(2), await startEcho()]
  const cli = projectVia(sshd, { one: { local: one, to: echo.port }, two: { local: two, to: echo.port } })
  const hold = 'echo begun; echo $$; exec sleep 600'
  const first = cli.start(['run', 'one', ...sh(hold)])
  const second = cli.start(['run', 'one', 'two', ...sh(hold)])
  const [, orphan] = await Promise.all([commandOf(first), commandOf(second)])
  onTestFinished(() => void (isAlive(orphan) && process.kill(orphan, 'SIGKILL')))
  const status = await cli.status()
  expect(status.forwards.map(({ name, state }) => `${name} ${state}`)).toEqual(['one open', 'two open'])
  expect(status.leases).toHaveLength(2)

  second.signal('SIGKILL')
  await eventually(async () => expect((await cli.status()).leases).toHaveLength(1))
  await eventually(() => canListen('127.0.0.1', two!))
  expect((await cli.status()).forwards.map(({ name, since }) => [name, since])).toEqual([
    ['one', status.forwards[0]!.since],
  ])
  process.kill(orphan, 'SIGKILL')
  first.signal('SIGTERM')
  expect((await first.ended).code).toBe(143)
  await isNothingLeft(cli, one!, two!)
})

/** The process that it runs. */
async function commandOf(running: RunningCli): Promise<number> {
  const text = await eventually(() => /begun\n(\d+)\n/.exec(running.stdout()))
  return Number(text[1])
}

test('beside `up` it adds what is missing, and takes nothing else away', async () => {
  const [web, db] = (await freePorts(2)) as [number, number]
  const echo = await startSource('hi')
  const forwards = { web: { local: web, to: echo.port }, db: { local: db, to: echo.port } }
  const cli = projectVia(sshd, forwards)
  await cli.up(['web'])
  const before = (await cli.status()).forwards[0]!
  const both = await cli.run(['run', ...sh('echo $WEB_PORT $DB_PORT')])
  expect(both.stdout).toBe(`${web} ${db}\n`)
  const after = await cli.status()
  expect(after.forwards.map(({ name, since }) => [name, since])).toEqual([['web', before.since]])
  expect(after).not.toHaveProperty('leases')
  const log = (await cli.run(['logs'])).stdout
  expect(log.match(/[+-] forward db: .*/g)).toEqual([
    '+ forward db: declared in the file',
    '- forward db: no longer selected',
  ])
  expect(await canListen('127.0.0.1', db)).toBe(true)

  // Other files, or other values of what they mention, would be other tunnels.
  cli.write('other.yaml', fileVia(sshd, forwards))
  const other = await cli.run(['-f', 'tunnels.yaml', '-f', 'other.yaml', 'run', 'db', '--', 'true'])
  expect(other).toMatchObject({ code: 2, stdout: '' })
  await cli.down()
})

test('nothing that runs is moved by a variable that only the command has', async () => {
  const [web, db, other] = (await freePorts(3)) as [number, number, number]
  const echo = await startSource('hi')
  const cli = projectVia(sshd, {
    web: { local: `\${WEB:-${web}}`, to: `localhost:\${TO:-${echo.port}}` },
    db: { local: `\${DB:-${db}}`, to: echo.port },
  })
  await cli.up(['web'])
  const before = (await cli.status()).forwards[0]!
  for (const [name, value] of [
    ['WEB', other],
    ['TO', other],
  ] as const) {
    const { code, stdout, stderr } = await cli.run(['run', ...sh('echo began')], {
      env: { [name]: String(value) },
    })
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(`another value of ${name}`)
  }
  // What is not there yet comes as the command has it.
  const own = await cli.run(['run', ...sh('echo $WEB_PORT $DB_PORT')], { env: { DB: String(other) } })
  expect(own).toMatchObject({ code: 0, stdout: `${web} ${other}\n` })
  const agent = { SSH_AUTH_SOCK: join(cli.folder, 'no-agent'), LC_ALL: 'C' }
  expect((await cli.run(['run', ...sh('echo $WEB_PORT')], { env: agent })).stdout).toBe(`${web}\n`)
  expect((await cli.status()).forwards.map(({ since }) => since)).toEqual([before.since])
  expect((await cli.run(['logs'])).stdout).not.toMatch(/[~±] /)
  await cli.down()
})

test('an agent that only the command has leads to the hosts that only it needs', async () => {
  const [web, db, dbToo] = (await freePorts(3)) as [number, number, number]
  const [source, agent] = [await startSource('hi'), await startAgent({ path: sshd.identityFile })]
  const to = source.port
  const host = hostYaml(sshd)
  // A public key alone stands for that key of the agent.
  const other = hostYaml(sshd, { identity_file: `${sshd.identityFile}.pub` })
  const cli = project({
    'tunnels.yaml': `{ hosts: { acme: ${host}, other: ${other} }, forwards: ${JSON.stringify({
      web: { via: 'acme', local: web, to },
      db: { via: 'other', local: db, to },
      'db-too': { via: 'other', local: dbToo, to },
    })} }`,
  })
  await cli.up(['web'])
  const logins = sshd.logins()
  const env = { SSH_AUTH_SOCK: agent }
  const first = cli.start(
    ['run', 'web', 'db', ...sh('echo begun; until [ -e release ]; do sleep 0.1; done')],
    {
      env,
    },
  )
  await said(first, 'begun')
  // A second one shares that host, and an edit moves nothing either.
  expect((await cli.run(['run', 'db-too', '--', 'true'], { env })).code).toBe(0)
  expect((await cli.run(['reload'])).code).toBe(0)
  expect(sshd.logins()).toBe(logins + 1)
  cli.write('release', '')
  expect((await first.ended).code).toBe(0)
  expect((await cli.run(['logs'])).stdout).not.toMatch(/[~±] /)
  await cli.down()
})

test('what runs only for a command goes on where an `up` comes, and is closed by `down`', async () => {
  const [web, db] = (await freePorts(2)) as [number, number]
  const echo = await startSource('hi')
  const cli = projectVia(sshd, { web: { local: web, to: echo.port }, db: { local: db, to: echo.port } })
  const release = join(cli.folder, 'release')
  const running = cli.start([
    'run',
    'db',
    ...sh(`echo begun; until [ -e ${release} ]; do sleep 0.1; done; exit 5`),
  ])
  await said(running, 'begun')
  await cli.up(['web'])
  cli.write('release', '')
  expect((await running.ended).code).toBe(5)
  expect((await cli.status()).forwards.map(({ name }) => name)).toEqual(['web'])

  const last = cli.start([
    'run',
    'db',
    ...sh('echo begun; sleep 1; until [ -e again ]; do sleep 0.1; done; exit 6'),
  ])
  await said(last, 'begun')
  await cli.down(['db'])
  expect(await canListen('127.0.0.1', db)).toBe(true)
  await eventually(() => last.stderr().includes('db is closed (no longer selected); the command runs on'))
  expect((await cli.run(['run', 'db', ...sh('echo $DB_PORT')])).stdout).toBe(`${db}\n`)
  await cli.down()
  cli.write('again', '')
  const { code, stderr } = await last.ended
  expect(code).toBe(6)
  expect(stderr).toContain('closed by somebody else')
  await isNothingLeft(cli, web, db)
})

test('a command never begins where somebody else has its port, or where nothing gets through', async () => {
  const [local, far] = (await freePorts(2)) as [number, number]
  const cli = projectVia(sshd, { db: { local, to: far } })
  const squatter = createServer((socket) => socket.end('wrong')).listen(local, '127.0.0.1')
  onTestFinished(() => void squatter.close())
  await eventually(() => squatter.listening)
  const taken = await cli.run(['run', 'db', ...sh('echo > began')])
  expect(taken.code).toBe(125)
  expect(taken.stderr).toContain('PORT_IN_USE')
  expect(taken.stderr).toContain(`tunnels ls ${local}`)
  expect(taken.stderr).toContain('--auto-ports')
  const json = await cli.run(['--json', 'run', 'db', ...sh('echo > began')])
  expect(JSON.parse(json.stdout).problems[0].code).toBe('PORT_IN_USE')
  squatter.close()
  await eventually(() => canListen('127.0.0.1', local))
  const closed = await cli.run(['run', 'db', '--wait-timeout', '1s', ...sh('echo > began')])
  expect(closed.code).toBe(125)
  expect(closed.stderr).toContain('TARGET_REFUSED')
  expect(existsSync(join(cli.folder, 'began'))).toBe(false)

  // One whose target comes later is waited for.
  const waiting = cli.start(['run', 'db', ...sh('echo > began')])
  await eventually(() => waiting.stderr().includes('waiting'))
  expect(existsSync(join(cli.folder, 'began'))).toBe(false)
  await startEcho({ port: far })
  expect((await waiting.ended).code).toBe(0)
  expect(readFileSync(join(cli.folder, 'began'), 'utf8')).toBe('\n')

  // What takes its time to end has ended, too, when it returns.
  const stubborn = { type: 'command', command: ['sh', '-c', 'trap "" TERM; sleep 60'], timeout: '200ms' }
  cli.write('tunnels.yaml', fileVia(sshd, { db: { local, to: far, healthcheck: stubborn } }))
  const unhealthy = await cli.run(['run', '--trust', '--wait-timeout', '1s', ...sh('echo > again')])
  expect(unhealthy.code, unhealthy.stderr).toBe(125)
  await isNothingLeft(cli)
  cli.write('tunnels.yaml', fileVia(sshd, { hook: { remote: 'auto', to: far } }))
  const untrusted = await cli.run(['run', '--', 'true'])
  expect(untrusted).toMatchObject({ code: 4, stdout: '' })
  // What a remote forward leads to may be the command itself: it has only to be open.
  expect((await cli.run(['run', '--trust', '--', 'true'])).code).toBe(0)
  cli.write('tunnels.yaml', 'forwards: { a: nonsense }')
  expect((await cli.run(['run', '--', 'true'])).code).toBe(2)
  await isNothingLeft(cli, local)
})

test('--auto-ports listens on free ports, beside an `up` on those of the file, whose connections go on', async () => {
  const [local, echo] = [await freePort(), await startEcho()]
  const cli = projectVia(sshd, { web: { local, to: echo.port, drain: 0 } })
  const squatter = createServer().listen(local, '127.0.0.1')
  onTestFinished(() => void squatter.close())
  await eventually(() => squatter.listening)
  const auto = ['run', '--auto-ports', ...sh('echo $WEB_PORT')]
  const alone = await cli.run(auto)
  expect(alone.code).toBe(0)
  const chosen = Number(alone.stdout)
  expect(chosen).not.toBe(local)
  expect((await cli.run(auto)).stdout).toBe(alone.stdout)
  // Beside an `up` that waits for its port, each command has the same one, which is its own only while it runs.
  expect((await cli.run(['up', '-d'])).code).toBe(1)
  for (const _ of ['first', 'second']) {
    expect(await cli.run(auto)).toMatchObject({ code: 0, stdout: alone.stdout, stderr: '' })
    expect(await canListen('127.0.0.1', chosen)).toBe(true)
  }
  await cli.down()
  await new Promise((resolve) => squatter.close(resolve))

  await cli.up()
  const client = connect(local, '127.0.0.1')
  await once(client, 'connect')
  const beside = await cli.run(['run', '--auto-ports', ...sh('echo $WEB_PORT')])
  expect(beside.stdout).toBe(`${chosen}\n`)
  expect(await canListen('127.0.0.1', chosen)).toBe(true)
  // With `drain: 0` it would have been cut, had its listener changed.
  client.write('still here')
  expect(String((await once(client, 'data'))[0])).toBe('still here')
  client.destroy()
  await cli.down()
})

test('a supervisor that is killed under a command is started again', async () => {
  const [local, source] = [await freePort(), await startSource('hi')]
  const cli = projectVia(sshd, { web: { local, to: source.port } })
  const running = cli.start(['run', ...sh('echo begun; until [ -e release ]; do sleep 0.1; done; exit 8')])
  await said(running, 'begun')
  const { pid } = (await cli.status()).supervisor
  process.kill(pid, 'SIGKILL')
  await eventually(async () => {
    const { supervisor, forwards } = await cli.status()
    return supervisor.pid !== pid && forwards[0]?.state === 'open'
  })
  cli.write('release', '')
  expect((await running.ended).code).toBe(8)
  await isNothingLeft(cli, local)
})

test.runIf(hasTerminals)(
  'Ctrl-C on a terminal reaches the command once, and it has the terminal',
  async () => {
    const [local, source] = [await freePort(), await startSource('hi')]
    const cli = projectVia(sshd, { web: { local, to: source.port } })
    cli.write(
      'ask.sh',
      `trap 'n=x$n; echo int:$n' INT
    echo begun
    while [ -z "$n" ]; do sleep 0.1; done
    read line
    echo "line:$line"
    exit 9`,
    )
    const terminal = await onTerminal(cli, ['run', '--', 'sh', 'ask.sh'])
    await eventually(() => terminal.output().includes('begun'))
    terminal.type('\x03')
    await eventually(() => terminal.output().includes('int:x'))
    terminal.type('typed\n')
    expect(await terminal.ended).toBe(9)
    expect(terminal.output()).toContain('line:typed')
    expect(terminal.output()).not.toContain('int:xx')
    await isNothingLeft(cli, local)
  },
)

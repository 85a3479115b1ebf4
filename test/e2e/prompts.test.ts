// What hosts ask reaches the person at the terminal, whoever supervises, and a script is never asked.

import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort } from '../helpers/ports.ts'
import { hasTerminals, type OnTerminal, onTerminal } from '../helpers/pty.ts'
import { startEcho } from '../helpers/servers.ts'
import { makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'

const QUESTION = 'continue connecting (yes/no/[fingerprint])?'
const PASSPHRASE = 'correct horse battery staple'

/** A server that nobody knows yet, and a forward through it. */
async function unknownServer(more: Record<string, unknown> = {}) {
  const [sshd, echo, port] = await Promise.all([startSshd(), startEcho(), freePort()])
  const cli = project({})
  const knownHosts = join(cli.env.HOME!, '.ssh/known_hosts')
  const host = { host_keys: undefined, ...more }
  cli.write('tunnels.yaml', fileFor(sshd, host, port, echo.port))
  return { sshd, cli, port, knownHosts }
}

/** A server that takes a key with a passphrase only. */
async function lockedServer() {
  const [sshd, echo, port] = await Promise.all([startSshd(), startEcho(), freePort()])
  const cli = project({})
  const key = join(cli.folder, 'locked')
  await makeKey(key, 'ed25519', PASSPHRASE)
  execFileSync('cp', [`${key}.pub`, sshd.authorizedKeysFile])
  cli.write('tunnels.yaml', fileFor(sshd, { identity_file: key }, port, echo.port))
  return { sshd, cli, port }
}

function fileFor(sshd: Sshd, more: Record<string, unknown>, port: number, to: number): string {
  return `hosts:\n  acme: ${hostYaml(sshd, more)}\nforwards:\n  echo: { via: acme, local: "127.0.0.1:${port}", to: ${to} }\n`
}

const shown = (terminal: OnTerminal) => stripVTControlCharacters(terminal.output()).replaceAll('\r', '')
const shows = (terminal: OnTerminal, text: string, times = 1) =>
  eventually(() => shown(terminal).split(text).length > times)

async function stateOf(cli: CliProject): Promise<string> {
  const result = await cli.run(['status', '--json'])
  return result.code === 0 ? JSON.parse(result.stdout).hosts[0].state : 'down'
}

describe.runIf(hasTerminals)('an unknown host key on a terminal', () => {
  test('up: asked with fingerprint and picture; yes opens it, and it is known from then on', async () => {
    const { sshd, cli, knownHosts } = await unknownServer()
    const terminal = await onTerminal(cli, ['up'])
    await shows(terminal, QUESTION)
    expect(shown(terminal)).toContain(`ED25519 key fingerprint is ${sshd.hostKeyFingerprint}.`)
    expect(shown(terminal)).toMatch(/\+-+\[ED25519 256\]-+\+\n(\|.{17}\|\n){9}\+-+\[SHA256\]-+\+/)
    expect(await stateOf(cli)).toBe('waiting')
    terminal.type('yes\r')
    await eventually(async () => (await stateOf(cli)) === 'open')
    await shows(terminal, 'forward echo')
    expect(readFileSync(knownHosts, 'utf8')).toContain(sshd.hostPublicKeys[0]!.split(' ')[1])
    terminal.type('\x03')
    expect(await terminal.ended).toBe(130)
  })

  test('up: no leaves it waiting, and says what is needed', async () => {
    const { sshd, cli, knownHosts } = await unknownServer()
    const terminal = await onTerminal(cli, ['up'])
    await shows(terminal, QUESTION)
    terminal.type('no\r')
    await shows(terminal, 'was declined')
    expect(await stateOf(cli)).toBe('waiting')
    expect(shown(terminal)).not.toContain('it asks')
    expect(existsSync(knownHosts)).toBe(false)
    expect(sshd.logins()).toBe(0)
    terminal.type('\x03')
    expect(await terminal.ended).toBe(130)
  })

  test('up -d: asks, and leaves the tunnels in the background when it is answered', async () => {
    const { sshd, cli } = await unknownServer()
    const terminal = await onTerminal(cli, ['up', '-d'])
    await shows(terminal, QUESTION)
    terminal.type(`${sshd.hostKeyFingerprint}\r`)
    expect(await terminal.ended).toBe(0)
    expect(await stateOf(cli)).toBe('open')
  })

  test('Ctrl-C at the question is no answer, and ends up as Ctrl-C does', async () => {
    const { cli, knownHosts } = await unknownServer()
    const terminal = await onTerminal(cli, ['up'])
    await shows(terminal, QUESTION)
    terminal.type('\x03')
    expect(await terminal.ended).toBe(130)
    expect(await stateOf(cli)).toBe('down')
    expect(existsSync(knownHosts)).toBe(false)
  })

  test('Ctrl-C at the question of up -d ends it; what it started waits for the next up', async () => {
    const { cli } = await unknownServer()
    const first = await onTerminal(cli, ['up', '-d'])
    await shows(first, QUESTION)
    first.type('\x03')
    expect(await first.ended).not.toBe(0)
    await eventually(async () => (await cli.status()).hosts[0]?.problem?.code === 'HOST_KEY_UNKNOWN')
    const second = await onTerminal(cli, ['up', '-d'])
    await shows(second, QUESTION)
    second.type('yes\r')
    expect(await second.ended).toBe(0)
  })

  test('a supervisor in the background that waits is answered by up, which only joins it', async () => {
    const { cli } = await unknownServer()
    expect((await cli.run(['up', '-d'])).code).toBe(4)
    expect((await cli.status()).hosts[0]).toMatchObject({
      state: 'waiting',
      problem: { code: 'HOST_KEY_UNKNOWN' },
    })
    const terminal = await onTerminal(cli, ['up'])
    await shows(terminal, QUESTION)
    const status = (await cli.status()).hosts[0]!
    expect(status.prompt).toMatchObject({ host: 'acme', kind: 'host_key', fields: [{ echo: true }] })
    expect((await cli.run(['status'])).stdout).toContain('Run `tunnels up`')
    terminal.type('yes\r')
    await eventually(async () => (await stateOf(cli)) === 'open')
    terminal.type('\x03')
    expect(await terminal.ended).toBe(130)
    expect(await stateOf(cli)).toBe('open')
  })

  test('a no stays a no when the key of another host is written down', async () => {
    const [sshd, second, third] = await Promise.all([startSshd(), startSshd(), startSshd()])
    const [one, two, three] = [await freePort(), await freePort(), await freePort()]
    const unknown = { host_keys: undefined }
    const cli = project({
      'tunnels.yaml': `hosts:
  acme: ${hostYaml(sshd, unknown)}
  other: ${hostYaml(second, unknown)}
  strict: ${hostYaml(third, { ...unknown, strict_host_key_checking: 'yes' })}
forwards:
  one: { via: acme, local: "127.0.0.1:${one}", to: 1 }
  two: { via: other, local: "127.0.0.1:${two}", to: 1 }
  three: { via: strict, local: "127.0.0.1:${three}", to: 1 }
`,
    })
    const stateOf = async (name: string) =>
      (await cli.status()).hosts.find((host) => host.name === name)?.state
    const terminal = await onTerminal(cli, ['up'])
    await shows(terminal, QUESTION)
    const refused = /of acme \(/.test(shown(terminal)) ? sshd : second
    terminal.type('no\r')
    await shows(terminal, QUESTION, 2)
    terminal.type('yes\r')
    await eventually(async () => (await stateOf(refused === sshd ? 'other' : 'acme')) === 'open')
    const connections = refused.connections()
    // Whoever this line is about comes up: by then everybody else would have been woken by it, and by the one before.
    appendFileSync(join(cli.env.HOME!, '.ssh/known_hosts'), readFileSync(third.knownHostsFile))
    await eventually(async () => (await stateOf('strict')) === 'open')
    expect(refused.connections()).toBe(connections)
    expect(shown(terminal).split(QUESTION)).toHaveLength(3)
    terminal.type('\x03')
    expect(await terminal.ended).toBe(130)
  })

  test('restart asks, too', async () => {
    const { cli } = await unknownServer()
    expect((await cli.run(['up', '-d'])).code).toBe(4)
    const terminal = await onTerminal(cli, ['restart'])
    await shows(terminal, QUESTION)
    terminal.type('yes\r')
    expect(await terminal.ended).toBe(0)
    expect(await stateOf(cli)).toBe('open')
  })

  test('run and up --wait ask, too, and write nothing behind the question while it is thought about', async () => {
    const { cli } = await unknownServer()
    const terminals = [await onTerminal(cli, ['up', '-d', '--wait'])]
    await shows(terminals[0]!, QUESTION)
    terminals.push(await onTerminal(cli, ['run', '--', 'echo', 'it ran']))
    const run = terminals[1]!
    await shows(run, QUESTION)
    // Longer than `run` is silent about what it waits for, and than a round of looks takes that meets a host that waits.
    const askedAt = Date.now()
    await eventually(() => Date.now() - askedAt > 1_500)
    for (const terminal of terminals) expect(shown(terminal).trimEnd().endsWith(QUESTION)).toBe(true)
    run.type('yes\r')
    expect(await Promise.all(terminals.map(({ ended }) => ended))).toEqual([0, 0])
    expect(shown(run)).toContain('it ran')
  })

  test('of two who are attached the first answers, and the question is taken back from the other', async () => {
    const { cli } = await unknownServer()
    const [first, second] = [await onTerminal(cli, ['up', '-d']), await onTerminal(cli, ['up', '-d'])]
    await Promise.all([shows(first, QUESTION), shows(second, QUESTION)])
    second.type('yes\r')
    expect(await Promise.all([first.ended, second.ended])).toEqual([0, 0])
    expect(shown(first)).toContain('no answer is needed any more')
    expect(await stateOf(cli)).toBe('open')
  })
})

describe.runIf(hasTerminals)('what was typed before a question was shown', () => {
  test('does not agree to what the file may do; what is typed after it does', async () => {
    const { sshd, cli } = await unknownServer({ proxy_command: 'touch was-run; false' })
    const [before, after] = [await onTerminal(cli, ['up', '-d']), await onTerminal(cli, ['up', '-d'])]
    for (const terminal of [before, after]) terminal.type('yes\ryes\r')
    for (const terminal of [before, after]) await shows(terminal, 'Agree to this?')
    before.type('n\r')
    expect(await before.ended).toBe(4)
    expect(existsSync(join(cli.folder, 'was-run'))).toBe(false)
    expect(sshd.connections()).toBe(0)
    after.type('y\r')
    expect(await after.ended).toBe(1)
    expect(existsSync(join(cli.folder, 'was-run'))).toBe(true)
  })

  test('accepts no host key; a paste once it is shown does', async () => {
    const { sshd, cli, knownHosts } = await unknownServer()
    const early = await onTerminal(cli, ['up', '-d'])
    early.type('yes\ryes\r')
    await shows(early, QUESTION)
    early.type('no\r')
    expect(await early.ended).toBe(4)
    expect(existsSync(knownHosts)).toBe(false)
    expect(sshd.logins()).toBe(0)
    const late = await onTerminal(cli, ['up', '-d'])
    await shows(late, QUESTION)
    late.type('yes\r')
    expect(await late.ended).toBe(0)
  })

  test('of two questions in a row, what is typed between them answers neither', async () => {
    const { sshd, cli, knownHosts } = await unknownServer()
    const [began, go] = [join(cli.folder, 'began'), join(cli.folder, 'go')]
    const slowly = `sh -c 'touch ${began}; until test -e ${go}; do sleep 0.05; done; exec nc 127.0.0.1 ${sshd.port}'`
    cli.write(
      'tunnels.yaml',
      fileFor(sshd, { host_keys: undefined, proxy_command: slowly }, await freePort(), 1),
    )
    const terminal = await onTerminal(cli, ['up', '-d'])
    await shows(terminal, 'Agree to this?')
    terminal.type('yes\r')
    await eventually(() => existsSync(began))
    terminal.type('yes\ryes\r')
    // As the terminal itself shows it: it has them.
    await shows(terminal, 'yes\nyes\n')
    writeFileSync(go, '')
    await shows(terminal, QUESTION)
    terminal.type('no\r')
    expect(await terminal.ended).toBe(4)
    expect(existsSync(knownHosts)).toBe(false)
    expect(sshd.logins()).toBe(0)
  })

  test('is thrown away, but for Ctrl-C', async () => {
    const { cli } = await unknownServer()
    const terminal = await onTerminal(cli, ['up', '-d'])
    terminal.type('yes\r'.repeat(2_000))
    await shows(terminal, QUESTION)
    terminal.type('\x03')
    expect(await terminal.ended).not.toBe(0)
    expect(await stateOf(cli)).toBe('waiting')
  })
})

describe.runIf(hasTerminals)('a passphrase on a terminal', () => {
  test('is asked for, is not shown as it is typed, and stands nowhere afterwards', async () => {
    const { cli } = await lockedServer()
    const terminal = await onTerminal(cli, ['up', '-d', '--trust'])
    await shows(terminal, 'passphrase')
    terminal.type(`${PASSPHRASE}\r`)
    expect(await terminal.ended).toBe(0)
    expect(await stateOf(cli)).toBe('open')
    const logs = await cli.run(['logs', '-n', 'all', '--json'])
    const status = await cli.run(['status', '--json'])
    for (const text of [terminal.output(), logs.stdout, status.stdout]) expect(text).not.toContain('horse')
    // What was said is the supervisor's alone: doctor does not get in, and says who is.
    const doctor = await cli.run(['doctor', '--trust'])
    expect(doctor.code).toBe(4)
    expect(doctor.stdout).toMatch(/✗ login[\s\S]*is connected to acme[\s\S]*`tunnels status`/)
  })
})

describe('without a terminal', () => {
  test.each([[['up', '-d']], [['up', '-d', '--json']], [['up']], [['up', '--json']]])(
    '%j: nothing is asked, exit code 4',
    async (args) => {
      const { cli, knownHosts } = await unknownServer()
      const result = await cli.run(args)
      expect(result.code).toBe(4)
      expect(result.stdout + result.stderr).toContain('HOST_KEY_UNKNOWN')
      expect(result.stdout + result.stderr).not.toContain(QUESTION)
      expect(existsSync(knownHosts)).toBe(false)
    },
  )
})

describe.runIf(hasTerminals)('--json on a terminal', () => {
  test('asks nothing: somebody parses it', async () => {
    const { cli } = await unknownServer()
    const terminal = await onTerminal(cli, ['up', '-d', '--json'])
    expect(await terminal.ended).toBe(4)
    expect(shown(terminal)).not.toContain(QUESTION)
  })
})

test('a changed host key: told within 2 s, no login reaches the server, nothing is tried again; mended, it comes up within 3 s', async () => {
  const { sshd, cli, knownHosts } = await unknownServer()
  const other = join(cli.folder, 'other')
  await makeKey(other, 'ed25519')
  mkdirSync(join(knownHosts, '..'), { mode: 0o700 })
  writeFileSync(knownHosts, `[127.0.0.1]:${sshd.port} ${readFileSync(`${other}.pub`, 'utf8')}`)
  expect((await cli.run(['up', '-d'])).code).toBe(1)
  const isChanged = async () => {
    const { state, problem } = (await cli.status()).hosts[0]!
    return state === 'failed' && problem?.code === 'HOST_KEY_CHANGED'
  }
  expect(await eventually(isChanged, { timeoutMs: 2_000 })).toBe(true)
  const connections = sshd.connections()
  expect(sshd.log()).not.toMatch(/publickey|userauth|password/i)
  await cli.run(['status', '--check'])
  expect(sshd.connections()).toBe(connections)
  writeFileSync(knownHosts, readFileSync(sshd.knownHostsFile))
  await eventually(async () => (await stateOf(cli)) === 'open', { timeoutMs: 3_000 })
  expect(sshd.connections()).toBe(connections + 1)
})

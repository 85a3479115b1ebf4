// A cloned file does nothing that nobody has agreed to: whatever it says and wherever it says it, no command runs, no
// packet leaves and nothing listens until somebody has said yes; and what runs goes on while an edit waits.

import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { atEnd } from '../helpers/cleanup.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { hasTerminals, onTerminal } from '../helpers/pty.ts'
import { sampleOf } from '../helpers/sample.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { converse, open } from './bytes.ts'
import { expectSchema } from './json-schemas.ts'

interface Trap {
  /** A file that exists once a command of the clone has run. */
  canary: string
  port: number
  knocks(): number
}

let trap: Trap

beforeEach(async () => {
  let knocks = 0
  const server = createServer((socket) => {
    knocks++
    socket.destroy()
  })
  await listen(server)
  const { port } = server.address() as { port: number }
  trap = { canary: testFolder().join('canary'), port, knocks: () => knocks }
})

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(() => void server.close())
}

/** Its `ssh` leaves a line for each time that it is run. */
function clone(files: Record<string, string>, env: Record<string, string> = {}) {
  const cli = project(files, env)
  const bin = join(cli.folder, '.bin')
  const calls = join(cli.folder, '.ssh-calls')
  mkdirSync(bin)
  writeFileSync(join(bin, 'ssh'), `#!/bin/sh\necho "$@" >> '${calls}'\nexec /usr/bin/ssh "$@"\n`)
  chmodSync(join(bin, 'ssh'), 0o755)
  cli.env.PATH = `${bin}:${process.env.PATH}`
  return { cli, sshCalls: () => (existsSync(calls) ? readFileSync(calls, 'utf8') : '') }
}

const host = (more: string) => `{ hostname: 127.0.0.1, port: ${trap.port}, ssh_config: no, ${more} }`
const via = (host: string, forward = '{ via: gw, local: 0, to: 80 }') =>
  `hosts: { gw: ${host} }\nforwards: { web: ${forward} }\n`
const evilConfig = () => `Match exec "touch ${trap.canary}"\n  ProxyCommand touch ${trap.canary}\n`

/** What the file says → where it stands, and more files. */
type Case = [string, string, () => Record<string, string>, Record<string, string>?]

const cases: Case[] = [
  ['proxy_command', 'hosts.gw.proxy_command', () => one(via(host(`proxy_command: "touch ${trap.canary}"`)))],
  [
    '-o ProxyCommand in a short form',
    'hosts.gw.proxy_command',
    () =>
      one(
        `hosts: { gw: ${host('')} }\nforwards: { web: '-o "ProxyCommand touch ${trap.canary}" -L 0:x:80 gw' }`,
      ),
  ],
  [
    'ssh_config: PATH with Match exec',
    'hosts.gw.ssh_config',
    () => ({
      ...one(via(`{ hostname: 127.0.0.1, port: ${trap.port}, ssh_config: ./evil }`)),
      evil: evilConfig(),
    }),
  ],
  [
    'an Include of it',
    'hosts.gw.ssh_config',
    () => ({
      ...one(via(`{ hostname: 127.0.0.1, port: ${trap.port}, ssh_config: ./outer }`)),
      outer: `Include ${trap.canary}.conf\n`,
    }),
  ],
  [
    '-F in a short form',
    'hosts.127.0.0.1.ssh_config',
    () => ({ ...one(`forwards: { web: -F ./evil -L 0:x:80 127.0.0.1 }`), evil: evilConfig() }),
  ],
  [
    'a command that .env brings',
    'hosts.gw.proxy_command',
    () => ({ ...one(via(host('proxy_command: "${RUN}"'))), '.env': `RUN='touch ${trap.canary}'\n` }),
  ],
  [
    'an override file',
    'hosts.gw.proxy_command',
    () => ({
      ...one(via(host(''))),
      'tunnels.override.yaml': `hosts: { gw: { proxy_command: "touch ${trap.canary}" } }`,
    }),
  ],
  [
    'the defaults',
    'hosts.gw.proxy_command',
    () => one(`defaults: { hosts: { proxy_command: "touch ${trap.canary}" } }\n${via(host(''))}`),
  ],
  ['a remote forward', 'forwards.web.remote', () => one(via(host(''), '{ via: gw, remote: 7000, to: 80 }'))],
  ['-R', 'forwards.web.remote', () => one(via(host(''), '-R 7000:localhost:80 gw'))],
  ['a wildcard', 'forwards.web.local', () => one(via(host(''), '{ via: gw, local: "*:0", to: 80 }'))],
  ['password_env', 'hosts.gw.password_env', () => one(via(host('password_env: TOKEN'))), { TOKEN: 'sekrit' }],
  [
    'passphrase_env',
    'hosts.gw.passphrase_env',
    () => one(via(host('passphrase_env: TOKEN'))),
    { TOKEN: 'sekrit' },
  ],
  ['identity_agent', 'hosts.gw.identity_agent', () => one(via(host('identity_agent: ./agent')))],
  ['known_hosts', 'hosts.gw.user_known_hosts_file', () => one(via(host('user_known_hosts_file: ./mine')))],
  [
    'accept-new',
    'hosts.gw.strict_host_key_checking',
    () => one(via(host('strict_host_key_checking: accept-new'))),
  ],
  [
    'a variable in the host name',
    'hosts.gw.hostname',
    () => one(via(`{ hostname: "127.0.0.\${TOKEN}", port: ${trap.port} }`)),
    { TOKEN: '1' },
  ],
  [
    'a variable in the user',
    'hosts.gw.user',
    () => one(via(`"\${TOKEN}@127.0.0.1:${trap.port}"`)),
    { TOKEN: 'sekrit' },
  ],
  [
    'a variable on the way',
    'hosts.gw.proxy_jump',
    () => one(via(host(`proxy_jump: "\${TOKEN}@127.0.0.1:${trap.port}"`))),
    { TOKEN: 'sekrit' },
  ],
]

/** Each a word that a shell, a command line or ssh would read as something else. */
const badNames = [
  '-oProxyCommand=touch x',
  'a;touch x',
  'a|b',
  '$$(touch x)',
  '`touch x`',
  'a\\nb',
  'a\\0b',
  'a b',
  'a&b',
  "a'b",
  'a{b,c}',
  '-x',
]

function one(text: string): Record<string, string> {
  return { 'tunnels.yaml': text }
}

describe('an untrusted clone', () => {
  test.each(sampleOf(cases, 3))(
    '%s: nothing runs, nothing leaves, nothing listens',
    async (_name, path, files, env = {}) => {
      const { cli, sshCalls } = clone(files(), env)
      writeFileSync(`${trap.canary}.conf`, evilConfig())

      const up = await cli.run(['up', '-d', '--json'])
      expect(up, up.stderr + up.stdout).toMatchObject({ code: 4 })
      const { problems } = JSON.parse(up.stdout)
      expect(problems).toContainEqual(expect.objectContaining({ code: 'UNTRUSTED', path }))
      if (Object.values(env).includes('sekrit')) expect(up.stdout + up.stderr).not.toContain('sekrit')
      const plan = await cli.run(['plan'])
      expect(plan).toMatchObject({ code: 0, stdout: expect.stringContaining('forward web') })
      expect(plan.stderr).toContain(path)
      expect((await cli.run(['config'])).code).toBe(0)

      expect(existsSync(trap.canary)).toBe(false)
      expect(trap.knocks()).toBe(0)
      expect(sshCalls()).toBe('')
      // Not even the socket of a supervisor.
      expect(readdirSync(cli.env.TUNNELS_RUNTIME_DIR!)).toEqual([])
    },
  )

  test('every verb: what would do something is refused, what only looks does without', async () => {
    const { cli, sshCalls } = clone({
      ...one(via(`{ hostname: 127.0.0.1, port: ${trap.port}, ssh_config: ./evil }`)),
      evil: evilConfig(),
    })
    const doing = { up: 4, 'up -d': 4, 'up web': 4, doctor: 4 }
    const looking = { 'up --dry-run': 0, validate: 0, trust: 0, schema: 0, status: 3, down: 0 }
    const codes = { ...doing, ...looking }
    const verbs = Object.keys(codes)
    const results = await Promise.all(verbs.map((verb) => cli.run(verb.split(' '))))
    expect(Object.fromEntries(verbs.map((verb, index) => [verb, results[index]!.code]))).toEqual(codes)
    expect([existsSync(trap.canary), trap.knocks(), sshCalls()]).toEqual([false, 0, ''])
  })

  test('a host of the file that only the ssh configuration leads through counts, and so do the defaults', async () => {
    const bastion = `{ proxy_command: "touch ${trap.canary}" }`
    const { cli, sshCalls } = clone({
      'tunnels.yaml': `hosts: { bastion: ${bastion} }\nforwards: { web: -L 0:x:80 target }`,
      '.home/.ssh/config': `Host target\n  HostName 127.0.0.1\n  Port ${trap.port}\n  ProxyJump bastion\n`,
    })
    const up = await cli.run(['up', '-d', '--json'])
    expect(up).toMatchObject({ code: 4, stdout: expect.stringContaining('hosts.bastion.proxy_command') })
    expect((await cli.run(['plan'])).stderr).toContain('hosts.bastion.proxy_command')

    // What all hosts start from is what such a hop starts from, too: the file of a stranger must not be shown to ssh.
    const defaults = `defaults: { hosts: { ssh_config: ./evil } }\nhosts: { target: { ssh_config: yes } }`
    cli.write('tunnels.yaml', `${defaults}\nforwards: { web: -L 0:x:80 target }`)
    cli.write('evil', evilConfig())
    const other = await cli.run(['up', '-d', '--json'])
    expect([other.code, other.stdout]).toEqual([4, expect.stringContaining('defaults.hosts.ssh_config')])
    expect(sshCalls()).not.toMatch(/-F \S*evil/)
    expect([existsSync(trap.canary), trap.knocks()]).toEqual([false, 0])
  })

  test('config --origin asks ssh nothing that waits', async () => {
    const { cli, sshCalls } = clone(
      { 'tunnels.yaml': via('{ hostname: "a.${TOKEN}.invalid", ssh_config: ./evil }'), evil: evilConfig() },
      { TOKEN: 'sekrit' },
    )
    expect((await cli.run(['config', '--origin'])).code).toBe(0)
    expect(sshCalls()).not.toMatch(/-F .*evil|sekrit/)
    expect(existsSync(trap.canary)).toBe(false)
  })

  test.each(sampleOf(badNames, 4))('the host or user %j reaches no command line', async (name) => {
    const quoted = `"${name.replaceAll('"', '\\"')}"`
    for (const spec of [`{ hostname: ${quoted} }`, `{ hostname: a, user: ${quoted} }`]) {
      const { cli, sshCalls } = clone({ 'tunnels.yaml': via(spec) })
      expect((await cli.run(['up', '-d', '--trust'])).code).toBe(2)
      expect(sshCalls()).toBe('')
    }
    const { cli, sshCalls } = clone({
      'tunnels.yaml': `forwards: { web: { via: ${quoted}, local: 0, to: 80 } }`,
    })
    expect((await cli.run(['up', '-d', '--trust'])).code).toBe(2)
    expect(sshCalls()).toBe('')
  })
})

describe('once somebody has agreed', () => {
  const commanding = () => via(host(`proxy_command: "touch ${trap.canary}"`))

  test('it is done, and asked no more; another path, and another text, are other questions', async () => {
    const cli = project(one(commanding()))
    expect((await cli.run(['up', '-d', '--trust'])).code).toBe(1)
    expect(existsSync(trap.canary)).toBe(true)
    await cli.down()
    // Nobody at the server's end: 1, but not 4.
    expect((await cli.run(['up', '-d'])).code).toBe(1)
    await cli.down()

    const elsewhere = join(testFolder().path, 'clone')
    cpSync(cli.folder, elsewhere, { recursive: true, filter: (path) => !path.endsWith('.sock') })
    expect((await cli.run(['up', '-d'], { cwd: elsewhere })).code).toBe(4)

    cli.write('tunnels.yaml', `${commanding()}# another comment is nothing new\n`)
    expect((await cli.run(['up', '-d'])).code).toBe(1)
    await cli.down()
    cli.write('tunnels.yaml', via(host(`proxy_command: "touch ${trap.canary} again"`)))
    expect((await cli.run(['up', '-d'])).code).toBe(4)
    // Back to what was agreed to, or less of it.
    cli.write('tunnels.yaml', commanding())
    expect(await waiting(cli)).toEqual([])
    expect((await cli.run(['trust', '--revoke'])).code).toBe(0)
    expect(await waiting(cli)).toEqual(['hosts.gw.proxy_command'])
  })

  test('a file that is included by what was agreed to counts with its content', async () => {
    const cli = project({ ...one(via('{ ssh_config: ./outer }')), outer: 'Include ~/.ssh/nothing-here\n' })
    const included = testFolder().write('included', 'Host a\n')
    cli.write('outer', `Include ${included}\n`)
    await cli.run(['up', '-d', '--trust'])
    await cli.down()
    expect(await waiting(cli)).toEqual([])
    writeFileSync(included, evilConfig())
    expect(await waiting(cli)).toEqual(['hosts.gw.ssh_config'])
    const up = await cli.run(['up', '-d'])
    expect(up).toMatchObject({ code: 4, stderr: expect.stringContaining('Match exec') })
    expect(existsSync(trap.canary)).toBe(false)
  })

  test('what is remembered is for its owner alone, holds no secret, and is listed', async () => {
    const cli = project(one(via(host('proxy_command: "true ${TOKEN}"'))), { TOKEN: 'sekrit' })
    await cli.run(['up', '-d', '--trust'])
    const listed = JSON.parse((await cli.run(['trust', '--list', '--json'])).stdout)
    expect(listed.projects).toMatchObject([
      { folder: cli.folder, file: 'tunnels.yaml', trusted: [{ path: 'hosts.gw.proxy_command' }] },
    ])
    const [id] = readdirSync(cli.env.TUNNELS_STATE_DIR!)
    const file = join(cli.env.TUNNELS_STATE_DIR!, id!, 'trust.json')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).not.toContain('sekrit')
    // A file that others could have written is believed by nobody.
    chmodSync(file, 0o666)
    await cli.down()
    expect(await waiting(cli)).toEqual(['hosts.gw.proxy_command'])
  })

  test.runIf(hasTerminals)('a terminal asks: no is 4 and yes is for good', async () => {
    const { cli } = clone(one(commanding()), { NO_COLOR: '1' })
    const no = await onTerminal(cli, ['up', '-d'])
    await eventually(() => no.output().includes('[y/N]'))
    expect(no.output()).toContain(`hosts.gw.proxy_command: touch ${trap.canary}`)
    no.type('\r')
    expect(await no.ended).toBe(4)
    expect(existsSync(trap.canary)).toBe(false)

    const interrupted = await onTerminal(cli, ['up', '-d'])
    await eventually(() => interrupted.output().includes('[y/N]'))
    interrupted.type('\x03')
    expect(await interrupted.ended).toBe(130)

    const yes = await onTerminal(cli, ['up', '-d'])
    await eventually(() => yes.output().includes('[y/N]'))
    yes.type('y\r')
    expect(await yes.ended).toBe(1)
    expect(existsSync(trap.canary)).toBe(true)
    await cli.down()
    expect(await waiting(cli)).toEqual([])
  })

  test('where nothing can be remembered, it holds for as long as it runs', async () => {
    const forward = `{ via: gw, local: ${await freePort()}, to: 80 }`
    const file = via(host(`proxy_command: "touch ${trap.canary}"`), forward)
    const cli = project(one(file), { TUNNELS_STATE_DIR: '/dev/null/state' })
    expect((await cli.run(['up', '-d', '--trust'])).code).toBe(1)
    expect((await cli.run(['reload'])).code).toBe(0)
    await cli.down()
    expect((await cli.run(['up', '-d'])).code).toBe(4)
  })
})

describe('a live edit', () => {
  test('that adds what waits for trust is held back as a whole, until it is trusted', async () => {
    const [sshd, echo, port, remote] = await Promise.all([startSshd(), startEcho(), freePort(), freePort()])
    const gw = `hosts: { gw: ${hostYaml(sshd)} }\n`
    const first = `  first: { via: gw, local: ${port}, to: "127.0.0.1:${echo.port}" }\n`
    const second = `  second: { via: gw, remote: ${remote}, to: 80 }\n`
    const cli = project(one(`${gw}forwards:\n${first}`))
    await cli.up()
    const generation = (await cli.status()).config.generation
    cli.write('tunnels.yaml', `${gw}forwards:\n${second}`)
    const config = await eventually(async () => {
      const { config } = await cli.status()
      return config.state === 'untrusted' && config
    })
    expect(config).toMatchObject({
      generation,
      problems: [{ code: 'UNTRUSTED', path: 'forwards.second.remote', at: { line: 3 } }],
    })
    // Neither taken nor given up: what the file has no more runs on.
    expect((await converse(await open(port), Buffer.from('still'))).toString()).toBe('still')
    expect((await cli.run(['plan'])).stderr).toContain('forwards.second.remote')

    for (const args of [['reload'], ['restart'], ['up', '-d'], ['up', '-d', 'second']])
      expect({ args, ...(await cli.run(args)) }).toMatchObject({ args, code: 4 })
    expect((await converse(await open(port), Buffer.from('still'))).toString()).toBe('still')

    const reloaded = await cli.run(['reload', '--trust'])
    expect(reloaded, reloaded.stderr).toMatchObject({ code: 0 })
    await eventually(async () => {
      const { config, forwards } = await cli.status()
      const [forward] = forwards.filter(({ state }) => state !== 'draining')
      return config.state === 'current' && forward?.name === 'second' && forward.state === 'open'
    })
    await cli.run(['restart'])
    expect((await cli.run(['status', '--check'])).code).not.toBe(4)
  })

  test('that waits keeps nothing open that is to be closed', async () => {
    const [sshd, port, remote] = await Promise.all([startSshd(), freePort(), freePort()])
    const gw = `hosts: { gw: ${hostYaml(sshd)} }\n`
    const two = `forwards:\n  first: { via: gw, local: ${port}, to: 80 }\n  other: { via: gw, local: 0, to: 80 }\n`
    const cli = project(one(`${gw}${two}`))
    await cli.up()
    cli.write('tunnels.yaml', `${gw}${two}  second: { via: gw, remote: ${remote}, to: 80 }\n`)
    await eventually(async () => (await cli.status()).config.state === 'untrusted')
    expect((await cli.down(['first'])).code).toBe(0)
    await expect(open(port)).rejects.toThrow()
    const { config, forwards } = await cli.status()
    expect(config.state).toBe('untrusted')
    expect(forwards.map(({ name }) => name)).toEqual(['other'])
    // Put back as it was, nothing waits any more.
    cli.write('tunnels.yaml', `${gw}${two}`)
    await eventually(async () => (await cli.status()).config.state === 'current')
  })
})

async function waiting(cli: CliProject): Promise<string[]> {
  const { stdout } = await cli.run(['trust', '--json'])
  expectSchema('trust', JSON.parse(stdout))
  return (JSON.parse(stdout) as { waiting: { path: string }[] }).waiting.map(({ path }) => path)
}

describe('host_keys of the file', () => {
  const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIJ0nTdPkTfLOlVbeGB3HEhnRAJOSlX6pqFT4i5GGGGGG'

  test('that are not what known_hosts has are a changed host key, until somebody agrees', async () => {
    const [sshd, port] = await Promise.all([startSshd(), freePort()])
    const pinned = hostYaml(sshd).replace(/}$/, ', "user_known_hosts_file": "./known_hosts" }')
    const file = `hosts: { gw: ${pinned} }\nforwards: { web: { via: gw, local: ${port}, to: 80 } }`
    const cli = project({ ...one(file), known_hosts: '' })
    expect((await cli.run(['up', '-d'])).code).toBe(4)
    await cli.up()
    await cli.down()
    // Nothing on file speaks against them.
    await cli.up()
    await cli.down()
    expect((await cli.run(['up', '-d'])).code).toBe(0)
    await cli.down()

    cli.write('known_hosts', `[127.0.0.1]:${sshd.port} ssh-ed25519 ${key}\n`)
    const logins = sshd.logins()
    const refused = await cli.run(['up', '-d', '--json'])
    expect(refused.code).toBe(4)
    expect(JSON.parse(refused.stdout).problems).toMatchObject([
      { code: 'HOST_KEY_CHANGED', path: 'hosts.gw.host_keys' },
    ])
    expect((await cli.run(['plan'])).stderr).toContain('hosts.gw.host_keys')
    expect(await waiting(cli)).toEqual(['hosts.gw.host_keys'])
    expect((await cli.run(['trust'])).stdout).toContain('hosts.gw.host_keys')
    expect(sshd.logins()).toBe(logins)
    expect((await cli.run(['up', '-d', '--trust'])).code).toBe(0)
    await cli.down()
    expect(await waiting(cli)).toEqual([])
    expect((await cli.run(['up', '-d'])).code).toBe(0)
    await cli.down()
    cli.write('known_hosts', `@revoked [127.0.0.1]:${sshd.port} ${sshd.hostPublicKeys[0]}\n`)
    expect((await cli.run(['up', '-d', '--trust'])).code).toBe(1)
  })

  test('an alias in the file hides no contradiction, and waits for trust itself', async () => {
    const [sshd, port] = await Promise.all([startSshd(), freePort()])
    const { hostname, port: at, user, identity_file } = JSON.parse(hostYaml(sshd))
    const gw = { hostname, port: at, user, identity_file, host_keys: [sshd.hostPublicKeys[0]] }
    const fileWith = (more: object) =>
      JSON.stringify({
        hosts: { gw: { ...gw, ...more } },
        forwards: { web: { via: 'gw', local: port, to: 80 } },
      })
    const cli = project(one(fileWith({})))
    const mine = join(cli.env.HOME!, '.ssh')
    mkdirSync(mine, { recursive: true })
    writeFileSync(join(mine, 'known_hosts'), `[127.0.0.1]:${sshd.port} ssh-ed25519 ${key}\n`)
    const parts = ['hosts.gw.host_keys', 'hosts.gw.host_key_alias']
    expect(await waiting(cli)).toEqual(parts.slice(0, 1))
    cli.write('tunnels.yaml', fileWith({ host_key_alias: 'nobody-knows' }))
    expect((await waiting(cli)).sort()).toEqual(parts.sort())
    const { code, stdout } = await cli.run(['up', '-d', '--json'])
    expect(code).toBe(4)
    expect(JSON.parse(stdout).problems[0].path).toBe('hosts.gw.host_key_alias')
    expect(sshd.logins()).toBe(0)
    // Their own ssh configuration may say where the keys of this server stand.
    cli.write('tunnels.yaml', fileWith({ port: sshd.port }))
    writeFileSync(join(mine, 'config'), 'Host 127.0.0.1\n  HostKeyAlias cluster\n')
    expect(await waiting(cli)).toEqual([])
  })

  test('one that nobody knows, added to a known one, waits', async () => {
    const [sshd, port] = await Promise.all([startSshd(), freePort()])
    const { hostname, port: at, user, identity_file } = JSON.parse(hostYaml(sshd))
    const fileWith = (...host_keys: string[]) =>
      JSON.stringify({
        hosts: { gw: { hostname, port: at, user, identity_file, host_keys } },
        forwards: { web: { via: 'gw', local: port, to: 80 } },
      })
    const right = sshd.hostPublicKeys[0]!
    const cli = project(one(fileWith(right)))
    const mine = join(cli.env.HOME!, '.ssh')
    mkdirSync(mine, { recursive: true })
    writeFileSync(join(mine, 'known_hosts'), `[127.0.0.1]:${sshd.port} ${right}\n`)
    expect((await cli.run(['up', '-d'])).code).toBe(0)
    cli.write('tunnels.yaml', fileWith(right, `SHA256:${'A'.repeat(43)}`))
    await eventually(async () => (await cli.status()).config.state === 'untrusted')
    expect(await waiting(cli)).toEqual(['hosts.gw.host_keys'])
    expect((await cli.run(['up', '-d'])).code).toBe(4)
    cli.write('tunnels.yaml', fileWith(right))
    await eventually(async () => (await cli.status()).config.state === 'current')
    await cli.down()
  })
})

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { execa as run } from 'execa'
import { describe, expect, test, vi } from 'vitest'
import type { Problem } from '../../src/model/problem.ts'
import { SshConfig } from '../../src/resolve/ssh-config.ts'
import { readSshConfigContent } from '../../src/resolve/ssh-config-content.ts'
import { withCopy } from '../../src/resolve/ssh-config-copy.ts'
import { load } from '../config/loading.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { processesWith } from '../helpers/processes.ts'
import { refusals, resolved } from './resolving.ts'

/** A PATH on which `ssh` writes its arguments down and then is the real one. */
/** `afterwards`: what a shell does once ssh has answered. */
function watchedSsh({ afterwards = ':' } = {}) {
  const folder = testFolder()
  const log = join(folder.path, 'calls')
  const real = process.env.PATH!.split(delimiter).find((path) => existsSync(join(path, 'ssh')))!
  const script = folder.write(
    'bin/ssh',
    `#!/bin/sh\necho "$*" >> ${log}\n${real}/ssh "$@"\nstatus=$?\n${afterwards}\nexit $status\n`,
  )
  chmodSync(script, 0o755)
  const caller = { PATH: `${join(folder.path, 'bin')}${delimiter}${process.env.PATH}` }
  return {
    folder,
    caller,
    environment: caller,
    /** Names that were asked for, without the one for ssh's own defaults. */
    calls: () =>
      (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []).filter(
        (line) => !line.endsWith('/dev/null -- localhost'),
      ),
  }
}

describe('precedence', () => {
  test('the file wins over ssh_config, ssh_config over us; an interval of 0 there is no answer, here it is off', async () => {
    const file = testFolder().write(
      'config',
      'Host *\n  User ssh\n  Port 99\n  ServerAliveInterval 0\n  ConnectTimeout 4\n',
    )
    const { hosts } = await resolved({
      a: { sshConfig: file, user: 'file' },
      b: { sshConfig: file, serverAliveIntervalMs: 0, port: 22 },
    })
    expect(hosts.get('a')).toMatchObject({
      user: 'file',
      port: 99,
      connectTimeoutMs: 4000,
      serverAliveIntervalMs: 15_000,
    })
    expect(hosts.get('b')).toMatchObject({ user: 'ssh', port: 22, serverAliveIntervalMs: 0 })
  })

  test('the hostname of the file is what one would type after ssh: its HostName is where it leads', async () => {
    const file = testFolder().write(
      'config',
      'Host alias\n  HostName 10.0.0.7\nHost shown\n  HostName wrong\n',
    )
    const { hosts } = await resolved({ shown: { sshConfig: file, hostname: 'alias' } })
    expect(hosts.get('shown')).toMatchObject({ hostname: '10.0.0.7', originalName: 'alias' })
  })

  test('a way that the file says leaves no room for another one', async () => {
    const file = testFolder().write(
      'config',
      'Host a b\n  ProxyJump hop\nHost c d\n  ProxyCommand nc %h %p\n',
    )
    const hosts = {
      a: { proxyJump: [] },
      b: { proxyCommand: 'other' },
      c: { proxyJump: ['hop'] },
      d: {},
      hop: {},
    }
    const specs = Object.entries(hosts).map(([name, spec]) => [name, { sshConfig: file, ...spec }])
    const { hosts: found } = await resolved(Object.fromEntries(specs))
    const ways = [...found.values()].map(({ name, jump, proxyCommand }) => [
      name,
      jump,
      proxyCommand?.command ?? null,
    ])
    expect(ways).toContainEqual(['a', null, null])
    expect(ways).toContainEqual(['b', null, 'other'])
    expect(ways).toContainEqual(['c', 'hop', null])
    expect(ways).toContainEqual(['d', null, 'nc %h %p'])
  })

  test('ssh_config: false asks nobody', async () => {
    const { calls, caller, environment } = watchedSsh()
    await resolved({ a: { sshConfig: false } }, ['a'], { caller, environment })
    expect(calls()).toEqual([])
  })
})

describe('jumps of ssh_config', () => {
  const config =
    'Host db\n  ProxyJump me@inner:2201\nHost inner\n  HostName 10.0.0.2\n  ProxyJump bastion\nHost bastion\n  User gate\n'

  test('each hop is looked up by itself, with the same configuration', async () => {
    const file = testFolder().write('config', config)
    const { hosts } = await resolved({ db: { sshConfig: file } })
    const inner = hosts.get(hosts.get('db')!.jump!)!
    const bastion = hosts.get(inner.jump!)!
    expect(inner).toMatchObject({ hostname: '10.0.0.2', user: 'me', port: 2201, originalName: 'inner' })
    expect(bastion).toMatchObject({ hostname: 'bastion', user: 'gate', port: 22, jump: null })
  })

  test('a host of the file that means the same says more of it, one that means another is not it', async () => {
    const home = testFolder()
    home.write('.ssh/config', 'Host db\n  ProxyJump bastion\nHost web\n  ProxyJump hop\n')
    chmodSync(join(home.path, '.ssh/config'), 0o600)
    const { hosts } = await resolved(
      { db: {}, web: {}, bastion: { hostKeys: ['SHA256:x'] }, hop: { hostname: 'elsewhere' } },
      ['db', 'web'],
      { home: home.path },
    )
    expect(hosts.get(hosts.get('db')!.jump!)!).toMatchObject({ name: 'bastion', hostKeys: ['SHA256:x'] })
    expect(hosts.get(hosts.get('web')!.jump!)!).toMatchObject({ name: 'hop (ssh_config)', hostname: 'hop' })
    expect(hosts.has('hop')).toBe(false)
  })

  test('hops start from the defaults, but for a way of their own', async () => {
    const file = testFolder().write('config', config)
    const hostDefaults = { user: 'everybody', serverAliveCountMax: 7, sshConfig: file }
    const { hosts } = await resolved({ db: { sshConfig: file } }, ['db'], { hostDefaults })
    const inner = hosts.get(hosts.get('db')!.jump!)!
    expect(inner).toMatchObject({ user: 'me', serverAliveCountMax: 7 })
    expect(hosts.get(inner.jump!)!).toMatchObject({ user: 'everybody' })
  })

  test('a loop is refused, and so is what ssh refuses as one', async () => {
    const folder = testFolder()
    const loop = folder.write('loop', 'Host a\n  ProxyJump b\nHost b\n  ProxyJump c\nHost c\n  ProxyJump a\n')
    const self = folder.write('self', 'Host *\n  ProxyJump bastion\n')
    expect((await refusals(resolved({ a: { sshConfig: loop } }))).join()).toMatch(
      /^CONFIG_REFERENCE: The way to a leads in a loop: a → .*b.* → .*c.* → /,
    )
    const [refused] = await refusals(resolved({ acme: { sshConfig: self } }))
    expect(refused).toMatch(/^CONFIG_SSH: ssh refuses .*bastion/)
  })
})

describe('what goes wrong', () => {
  test('a host of the file to which only its ProxyJump leads has to have its secrets, too', async () => {
    const file = testFolder().write('config', 'Host db\n  ProxyJump gate\n')
    const hosts = {
      db: { sshConfig: file },
      gate: { passwordEnv: 'PW', at: { file: 'f', line: 3, column: 9 } },
    }
    const refused = resolved(hosts, ['db'], { environment: { PW: '' } })
    await expect(refused).rejects.toMatchObject({
      problems: [
        {
          code: 'CONFIG_VARIABLE',
          summary: 'hosts.gate.password_env names PW, which is empty',
          at: { line: 3 },
        },
      ],
    })
    const { hosts: found } = await resolved(hosts, ['db'], { environment: { PW: 'set' } })
    expect(found.get('gate')?.password).toBe('set')
  })

  test('without an ssh on PATH the file alone counts, and that is said once', async () => {
    const empty = testFolder().path
    const { hosts, warnings } = await resolved({ a: { user: 'x' }, b: {} }, ['a', 'b'], {
      caller: { PATH: empty },
    })
    expect([...hosts.values()].map(({ name, user }) => [name, user])).toEqual([
      ['a', 'x'],
      ['b', 'me'],
    ])
    expect(warnings.map(({ severity, summary }) => `${severity}: ${summary}`)).toEqual([
      'warning: There is no ssh on PATH: your ssh configuration is not read, the file alone counts',
    ])
  })

  test('what ssh refuses is told in its words, once for all hosts', async () => {
    const file = testFolder().write('config', 'Host a\n  Foo bar\n')
    const hosts = Object.fromEntries([...'abcdefg'].map((name) => [name, { sshConfig: file }]))
    const found = resolved(hosts)
    expect(await refusals(found)).toEqual([
      `CONFIG_SSH: ssh refuses what ${file} says of a, b, c, d, e and 2 more`,
    ])
    await expect(found).rejects.toMatchObject({
      problems: [{ detail: expect.stringContaining('line 2: Bad configuration option: foo') }],
    })
  })

  test('where one hangs the others are not waited for', async () => {
    const file = testFolder().write('config', 'Match exec "sleep 1000"\n  User x\n')
    const hosts = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`h${index}`, { sshConfig: file }]),
    )
    const { caller, calls, environment } = watchedSsh()
    const sshConfig = new SshConfig({ timeoutMs: 4_000 })
    expect(
      (await refusals(resolved(hosts, Object.keys(hosts), { sshConfig, caller, environment }))).join(),
    ).toMatch(/^CONFIG_SSH: ssh has not said within 4 s what .* says of h\d/)
    expect(calls().length).toBeLessThanOrEqual(8)
  })

  test('a Match exec that hangs has an end, and leaves nothing', async () => {
    const folder = testFolder()
    const file = folder.write('config', `Match exec "sleep 1000; : ${folder.path}"\n  User x\n`)
    const sshConfig = new SshConfig({ timeoutMs: 500 })
    const [refused] = await refusals(resolved({ a: { sshConfig: file } }, ['a'], { sshConfig }))
    expect(refused).toMatch(/^CONFIG_SSH: ssh has not said within 0\.5 s/)
    await eventually(() => processesWith(folder.path).length === 0)
  })

  test('whoever gives up ends it', async () => {
    const folder = testFolder()
    const file = folder.write('config', `Match exec "touch ${folder.path}/began; sleep 1000"\n  User x\n`)
    const giveUp = new AbortController()
    const looking = resolved({ a: { sshConfig: file } }, ['a'], { signal: giveUp.signal })
    looking.catch(() => {})
    await eventually(() => existsSync(join(folder.path, 'began')))
    giveUp.abort(new Error('given up'))
    await expect(looking).rejects.toThrow('given up')
    await eventually(() => processesWith(folder.path).length === 0)
  })

  test('what a Match exec leaves in the background delays nobody', async () => {
    const folder = testFolder()
    const wait = folder.write('wait', '')
    const lingering = `while test -e ${wait}; do sleep 0.1; done & true`
    const file = folder.write('config', `Match exec "${lingering}"\n  User x\n`)
    const { hosts } = await resolved({ a: { sshConfig: file } })
    expect(hosts.get('a')?.user).toBe('x')
    rmSync(wait)
    await eventually(() => processesWith(wait).length === 0)
  })

  test('restrictions that cannot be honoured are a warning each, methods that cannot be used another', async () => {
    const file = testFolder().write(
      'config',
      'Host *\n  RevokedHostKeys /r\n  KnownHostsCommand /bin/echo\n  PKCS11Provider /p.so\n  RequiredRSASize 4096\n  PermitRemoteOpen none\n  CheckHostIP yes\nHost g\n  PreferredAuthentications gssapi-with-mic\n',
    )
    const { warnings } = await resolved({ a: { sshConfig: file }, g: { sshConfig: file } })
    expect(warnings.map(({ summary }) => summary)).toEqual([
      ...[
        'RevokedHostKeys',
        'KnownHostsCommand',
        'PKCS11Provider',
        'RequiredRSASize',
        'PermitRemoteOpen',
        'CheckHostIP',
      ].map((keyword) => `Your ssh configuration sets ${keyword} for a, g, which tunnels does not look at`),
      'g may only be logged in to with GSSAPI or hostbased, which tunnels cannot',
    ])
    expect(warnings.every(({ severity }) => severity === 'warning')).toBe(true)
  })

  test('a ProxyCommand that hands over a socket is refused in a sentence; where the file has a way of its own it is not', async () => {
    const file = testFolder().write('config', 'Host *\n  ProxyCommand nc -F %h %p\n  ProxyUseFdpass yes\n')
    const hosts = { a: { sshConfig: file }, b: { sshConfig: file, proxyCommand: 'nc %h %p' } }
    expect(await refusals(resolved(hosts))).toEqual([
      expect.stringMatching(/^CONFIG_SSH: .*ProxyUseFdpass.* for a\b/),
    ])
    expect((await resolved(hosts, ['b'])).hosts.get('b')?.proxyCommand?.command).toBe('nc %h %p')
  })

  test('a file that ssh would refuse for its permissions is refused where HOME is elsewhere, too', async () => {
    const home = testFolder()
    chmodSync(home.write('.ssh/config', 'Host *\n  User x\n'), 0o666)
    expect(await refusals(resolved({ a: {} }, ['a'], { home: home.path }))).toEqual([
      expect.stringMatching(
        /^CONFIG_SSH: .*\.ssh\/config belongs to another user or may be written by others/,
      ),
    ])
  })
})

test('a variable that ssh asks for is given to it from the caller, never from .env', async () => {
  const file = testFolder().write(
    'config',
    'Host *\n  IdentityAgent ${AGENTS}/x.sock\n  IdentityFile ${KEYS}/id\n',
  )
  const caller = { PATH: process.env.PATH }
  const variables = { AGENTS: '/agents', KEYS: '/keys' }
  const { hosts } = await resolved({ a: { sshConfig: file } }, ['a'], { caller, variables })
  expect(hosts.get('a')).toMatchObject({ agent: '/agents/x.sock', identityFiles: ['/keys/id'] })
  const environment = { ...caller, ...variables }
  const refused = await refusals(
    resolved({ a: { sshConfig: file } }, ['a'], { caller, environment, variables: {} }),
  )
  expect(refused).toHaveLength(1)
})

describe('a file that was agreed to', () => {
  test('is what ssh gets to read, also when another one stands there by then', async () => {
    const folder = testFolder()
    const inner = folder.write('inner', 'Port 4711\n')
    const file = folder.write('config', `Host a\n  Include ${inner}\n  User agreed\n`)
    const content = await readSshConfigContent(file, folder.path)
    const evil = `Match exec "touch ${folder.join('ran')}"\n  User evil\n`
    folder.write('config', evil)
    folder.write('inner', evil)
    const { hosts } = await resolved({ a: { sshConfig: file } }, ['a'], { agreed: () => content })
    expect(hosts.get('a')).toMatchObject({ user: 'agreed', port: 4711 })
    expect(existsSync(folder.join('ran'))).toBe(false)
  })

  test('means to ssh what it means where it stands, and leaves nothing behind', async () => {
    const folder = testFolder()
    const temporary = folder.join('tmp dir')
    mkdirSync(temporary)
    folder.write('d/one.conf', `Include ${folder.path}/deep\nHost other\n  Port 1\n`)
    folder.write('d/two.conf', 'Match host a\n  ServerAliveCountMax 9\n')
    folder.write('deep', 'Match originalhost a\n  ConnectTimeout 7\n')
    const lines = [
      `Host never`,
      `  Include ${folder.path}/never`,
      `Host a`,
      `  Include "${folder.path}/d/[ot]*.conf" ${folder.path}/missing ${folder.path}/no/*/such`,
      `  User me`,
      `Include ${folder.path}/deep # again`,
    ]
    folder.write('never', 'User never\n')
    const file = folder.write('config', `${lines.join('\n')}\n`)
    const printed = async (path: string) => (await run('ssh', ['-G', '-F', path, 'a'])).stdout
    vi.stubEnv('TMPDIR', temporary)
    const content = await readSshConfigContent(file, folder.path)
    const copied = await withCopy(content, ({ path }) => printed(path))
    expect(copied).toBe(await printed(file))
    expect(copied).toContain('connecttimeout 7')
    expect(readdirSync(temporary)).toEqual([])
    folder.write('deep', 'Foo bar\n')
    const refused = resolved({ a: { sshConfig: file } }, ['a'])
    const [problem] = (await refused.catch(({ problems }) => problems)) as Problem[]
    expect(problem!.detail).toContain(`${folder.path}/deep: line 1: Bad configuration option: foo`)
    expect(readdirSync(temporary)).toEqual([])
    vi.unstubAllEnvs()
  })
})

describe('asking as little as possible', () => {
  test('an answer counts as long as its files stay as they are, and until somebody asks anew', async () => {
    const { folder, calls, ...more } = watchedSsh()
    folder.write('conf.d/a.conf', 'Host a\n  User one\n')
    const file = folder.write('config', `Include ${folder.path}/conf.d/*.conf\n`)
    const sshConfig = new SshConfig()
    const user = async () =>
      (await resolved({ a: { sshConfig: file } }, ['a'], { ...more, sshConfig })).hosts.get('a')?.user
    // An answer from files that were written just before is asked for once more.
    const isKept = async (name: string) => {
      const before = calls().length
      expect(await user()).toBe(name)
      return calls().length === before
    }
    await eventually(() => isKept('one'))
    folder.write('conf.d/a.conf', 'Host a\n  User second\n')
    expect(await isKept('second')).toBe(false)
    await eventually(() => isKept('second'))
    folder.write('conf.d/0.conf', 'Host a\n  User new\n')
    expect(await isKept('new')).toBe(false)
    await eventually(() => isKept('new'))
    sshConfig.forget()
    expect(await isKept('new')).toBe(false)
  })

  test('a file that is written just after ssh has read it is read again', async () => {
    const { folder, calls, ...more } = watchedSsh({
      afterwards: 'case "$*" in *"-- a") cp "$0.next" "${0%bin/ssh}config";; esac',
    })
    folder.write('bin/ssh.next', 'Host a\n  User second\n')
    const file = folder.write('config', 'Host a\n  User first\n')
    const sshConfig = new SshConfig()
    const user = async () =>
      (await resolved({ a: { sshConfig: file } }, ['a'], { ...more, sshConfig })).hosts.get('a')?.user
    expect([await user(), calls().length]).toEqual(['first', 1])
    expect([await user(), calls().length]).toEqual(['second', 2])
  })

  test('the files that decided an answer are told, those that are included too', async () => {
    const { folder, ...more } = watchedSsh()
    folder.write('conf.d/a.conf', 'Host a\n  User one\n')
    const file = folder.write('config', `Include ${folder.path}/conf.d/*.conf\n`)
    const sshConfig = new SshConfig()
    await resolved({ a: { sshConfig: file } }, ['a'], { ...more, sshConfig })
    expect(sshConfig.files).toEqual(
      expect.arrayContaining([file, join(folder.path, 'conf.d'), join(folder.path, 'conf.d/a.conf')]),
    )
  })

  test('twenty hosts are asked for once each', async () => {
    const { folder, calls, ...more } = watchedSsh()
    const file = folder.write('config', 'Host *\n  ProxyJump none\n')
    const names = Array.from({ length: 20 }, (_, index) => `host${index}`)
    const { hosts } = await resolved(
      Object.fromEntries(names.map((name) => [name, { sshConfig: file }])),
      names,
      more,
    )
    expect(hosts.size).toBe(20)
    expect(calls()).toHaveLength(20)
  })

  test('a file that the ssh configuration could have is followed before it is there', async () => {
    const sshConfig = new SshConfig()
    const home = testFolder().path
    await resolved({ a: {} }, ['a'], { home, sshConfig })
    expect(sshConfig.files).toContain(join(home, '.ssh/config'))
  })
})

describe('what must never reach a command line', () => {
  const hostile = [...';&|<>()$`\\"\'*?[]#~!{}^%,\n\r\t\0 ', '\u0085', '\u2028'].map(
    (character) => `a${character}b`,
  )

  test.each(['-oProxyCommand=id', '-F', '', ...hostile].map((name) => [JSON.stringify(name), name]))(
    '%s',
    async (_, name) => {
      const { calls, caller, environment } = watchedSsh()
      const query = {
        file: null,
        home: userInfo().homedir,
        environment: { PATH: caller.PATH },
        variables: {},
      }
      const { signal } = new AbortController()
      // A host may come by any way; a user may hold what a host may not.
      await expect(new SshConfig().lookUp({ ...query, name }, signal)).rejects.toMatchObject({
        problems: [{ code: 'CONFIG_SCHEMA' }],
      })
      if (!/[%^,]/.test(name) && name !== 'a\\b')
        await expect(
          new SshConfig().lookUp({ ...query, name: 'acme', user: name }, signal),
        ).rejects.toMatchObject({ problems: [{ code: 'CONFIG_SCHEMA' }] })
      await refusals(resolved({ [name]: {} }, [name], { caller, environment }))
      await refusals(resolved({ acme: { hostname: name } }, ['acme'], { caller, environment }))
      expect(calls()).toEqual([])
    },
  )

  test.each(
    ['-oProxyCommand=id', ...hostile.filter((name) => !/[,#]/.test(name))].map((name) => [
      JSON.stringify(name),
      name,
    ]),
  )('the file is refused with %s', async (_, name) => {
    const text = JSON.stringify(name.replaceAll('$', '$$$$'))
    for (const hosts of [
      `{ acme: { hostname: ${text} } }`,
      `{ acme: { proxy_jump: [${text}] } }`,
      `{ acme: ${text} }`,
    ]) {
      const { project } = await load(
        `hosts: ${hosts}\nforwards: { web: { via: acme, local: 1025, to: 80 } }\n`,
      )
      expect(project, hosts).toBeNull()
    }
  })

  test.each(['-oProxyCommand=id', 'a;b', '$(id)', '`id`', 'a|b', 'a b', 'x,-F', 'a&b'])(
    'from a ProxyJump or HostName of ssh_config: %s',
    async (name) => {
      const { folder, calls, caller, environment } = watchedSsh()
      const jump = folder.write('jump', `Host acme\n  ProxyJump "${name}"\n`)
      const hostname = folder.write('hostname', `Host acme\n  HostName "${name}"\n`)
      await refusals(resolved({ acme: { sshConfig: jump } }, ['acme'], { caller, environment }))
      if (!name.includes(','))
        await refusals(resolved({ acme: { sshConfig: hostname } }, ['acme'], { caller, environment }))
      expect(calls().every((line) => line.endsWith(' -- acme'))).toBe(true)
    },
  )
})

test('secrets are what their variables hold', async () => {
  const environment = { PATH: process.env.PATH, PW: 'secret' }
  const specs = { a: { sshConfig: false, passwordEnv: 'PW' } }
  const { hosts } = await resolved(specs, ['a'], { environment })
  expect(hosts.get('a')).toMatchObject({ password: 'secret', passphrase: null })
})

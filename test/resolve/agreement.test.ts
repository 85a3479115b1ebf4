// What a host becomes is what `ssh -G` says of it: each configuration here is asked twice, once through us and once as a
// person would, and all keys that bear on a connection have to agree.

import { execFile } from 'node:child_process'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { HostSpec } from '../../src/model/project.ts'
import type { WantedHost } from '../../src/model/wanted.ts'
import { testFolder } from '../helpers/folder.ts'
import { resolved } from './resolving.ts'

const run = promisify(execFile)

interface Shape {
  config: string
  /** Beside the configuration. */
  files?: Record<string, string>
  /** What a person types after ssh; default: acme. */
  names?: string[]
  user?: string
  port?: number
}

const LONGER = 'Host *\n'

const shapes: Record<string, Shape> = {
  'nothing at all': { config: '' },
  'a name that no block knows': { config: 'Host other\n  User x\n' },
  'HostName, User, Port': { config: 'Host acme\n  HostName 10.0.0.7\n  User bob\n  Port 2200\n' },
  'the first value wins': { config: 'Host acme\n  User first\nHost *\n  User second\n  Port 99\n' },
  'Keyword=value and quotes': { config: 'Host acme\n  User="bob"\n  Port = 2200\n  HostName="10.0.0.7"\n' },
  'keywords in any case': { config: 'host acme\n  HOSTNAME ACME.example.com\n  pOrT 23\n' },
  'comments and blank lines': { config: '# hello\n\nHost acme # here\n  # there\n  User bob\n' },
  'tabs and CRLF': { config: 'Host\tacme\r\n\tUser\tbob\r\n' },
  wildcards: {
    config: 'Host *.example.com\n  User w\nHost ac?e\n  Port 77\n',
    names: ['acme', 'a.example.com', 'b.example.org'],
  },
  negation: { config: 'Host * !acme\n  User all\nHost !x *\n  Port 5\n', names: ['acme', 'x', 'y'] },
  'several patterns': { config: 'Host one two acme\n  User many\n', names: ['one', 'acme', 'three'] },
  'HostName with %h': { config: 'Host acme\n  HostName %h.example.com\n' },
  'HostName with %%': { config: 'Host acme\n  HostName fe80::1\n' },
  'a name in capitals': {
    config: 'Host acme\n  User small\nHost ACME\n  User big\n',
    names: ['ACME', 'acme'],
  },
  'an IPv6 address': { config: 'Host ::1\n  User six\n  Port 24\n', names: ['::1', '127.0.0.1'] },
  'Match host': {
    config: 'Match host acme\n  User m\nMatch host "a*,!acme"\n  Port 3\n',
    names: ['acme', 'abc'],
  },
  'Match host after HostName': {
    config: 'Host acme\n  HostName real.example.com\nMatch host real.example.com\n  User real\n',
  },
  'Match originalhost': {
    config: 'Host acme\n  HostName real.example.com\nMatch originalhost acme\n  User orig\n',
  },
  'Match user, which the file sets': { config: 'Match user deploy\n  Port 2022\n', user: 'deploy' },
  'Match user of the configuration': { config: 'Host acme\n  User deploy\nMatch user deploy\n  Port 2022\n' },
  'Match localuser': {
    config: `Match localuser ${userInfo().username}\n  User me2\nMatch localuser nobody9\n  Port 9\n`,
  },
  'Match exec': { config: 'Match exec "true"\n  User yes\nMatch exec "false"\n  Port 9\n' },
  'Match exec with tokens': {
    config: 'Match exec "test %h = acme -a %p = 2200 -a %r = deploy"\n  HostKeyAlias hit\n',
    user: 'deploy',
    port: 2200,
  },
  'Match exec sees no variable of ours': {
    config: 'Match exec "test -z $SECRET"\n  User clean\n',
  },
  'Match all': { config: 'Host other\n  User o\nMatch all\n  Port 31\n' },
  'Match final': {
    config: 'Host acme\n  HostName f.example.com\nMatch final host f.example.com\n  User fin\n  Port 41\n',
  },
  'Match final all': { config: 'Match final all\n  Compression yes\n' },
  'Match with several criteria': {
    config: 'Match host acme exec true user deploy\n  Port 51\nMatch !host acme\n  Port 52\n',
    user: 'deploy',
    names: ['acme', 'b'],
  },
  'Include by path': { config: 'Include %FOLDER%/more\n', files: { more: 'Host acme\n  User inc\n' } },
  'Include by glob': {
    config: 'Include %FOLDER%/conf.d/*.conf\n',
    files: {
      'conf.d/a.conf': 'Host acme\n  User a\n',
      'conf.d/b.conf': 'Host *\n  User b\n  Port 8\n',
      'conf.d/c.txt': 'Port 9\n',
    },
    names: ['acme', 'z'],
  },
  'Include in a Host block': {
    config: 'Host acme\n  Include %FOLDER%/more\nHost *\n  Port 6\n',
    files: { more: 'User only-acme\n' },
    names: ['acme', 'b'],
  },
  'Include within Include': {
    config: 'Include %FOLDER%/one\n',
    files: { one: 'Include %FOLDER%/two\nUser one\n', two: 'Host acme\n  Port 12\n' },
  },
  'Include of nothing': { config: 'Include %FOLDER%/none/*.conf\nHost acme\n  User a\n' },
  'CanonicalizeHostname yes': {
    config:
      'CanonicalizeHostname yes\nCanonicalDomains example.invalid\nCanonicalizeFallbackLocal yes\nMatch canonical\n  User canon\n',
    names: ['localhost', '127.0.0.1'],
  },
  'CanonicalizeHostname always': {
    config:
      'CanonicalizeHostname always\nCanonicalizeMaxDots 0\nMatch canonical all\n  User canon\nHost localhost\n  Port 61\n',
    names: ['localhost'],
  },
  'IdentityFile with ~': { config: 'Host acme\n  IdentityFile ~/.ssh/acme\n' },
  'several IdentityFile': {
    config: 'Host acme\n  IdentityFile ~/.ssh/a\n  IdentityFile /keys/b\nHost *\n  IdentityFile ~/.ssh/c\n',
    names: ['acme', 'x'],
  },
  'IdentityFile with blanks': { config: 'Host acme\n  IdentityFile "/keys/of acme"\n' },
  'IdentityFile none, IdentitiesOnly': { config: `${LONGER}  IdentityFile none\n  IdentitiesOnly yes\n` },
  CertificateFile: {
    config: `${LONGER}  CertificateFile ~/.ssh/a-cert.pub\n  CertificateFile /keys/b-cert.pub\n`,
  },
  'IdentityAgent none': { config: `${LONGER}  IdentityAgent none\n` },
  'IdentityAgent with ~ and tokens': { config: `${LONGER}  IdentityAgent "~/agents of/%r-%h.sock"\n` },
  'IdentityAgent SSH_AUTH_SOCK': { config: `${LONGER}  IdentityAgent SSH_AUTH_SOCK\n` },
  ProxyJump: { config: 'Host acme\n  ProxyJump bastion\n' },
  'ProxyJump over several': { config: 'Host acme\n  ProxyJump me@one:2201,two,you@[::1]:2203\n' },
  'ProxyJump none': { config: 'Host acme\n  ProxyJump none\nHost *\n  ProxyJump bastion\n' },
  ProxyCommand: { config: 'Host acme\n  ProxyCommand nc -X 5 "%h" %p # no comment\n  ProxyJump bastion\n' },
  'ProxyCommand none': { config: 'Host acme\n  ProxyCommand none\nHost *\n  ProxyCommand nc %h %p\n' },
  'known hosts files': {
    config: `${LONGER}  UserKnownHostsFile ~/kh1 "/a b/kh2" %d/kh_%n\n  GlobalKnownHostsFile /etc/kh /etc/kh2\n`,
  },
  'UserKnownHostsFile none': { config: `${LONGER}  UserKnownHostsFile none\n` },
  HostKeyAlias: { config: `${LONGER}  HostKeyAlias cluster\n` },
  ...Object.fromEntries(
    ['yes', 'no', 'ask', 'off', 'accept-new'].map((word) => [
      `StrictHostKeyChecking ${word}`,
      { config: `${LONGER}  StrictHostKeyChecking ${word}\n` },
    ]),
  ),
  times: { config: `${LONGER}  ConnectTimeout 1m\n  ServerAliveInterval 2m30\n  ServerAliveCountMax 7\n` },
  'times of 0': { config: `${LONGER}  ServerAliveInterval 0\n  ServerAliveCountMax 0\n` },
  Compression: { config: `${LONGER}  Compression yes\n` },
  'lists that add': {
    config: `${LONGER}  Ciphers +aes128-cbc\n  MACs +hmac-md5\n  HostKeyAlgorithms +ssh-rsa\n  PubkeyAcceptedAlgorithms +ssh-rsa\n  KexAlgorithms +diffie-hellman-group1-sha1\n`,
  },
  'lists that take away': {
    config: `${LONGER}  Ciphers -aes*-ctr\n  MACs -umac-*\n  HostKeyAlgorithms -ecdsa*\n  KexAlgorithms -sntrup*\n`,
  },
  'lists that head': { config: `${LONGER}  Ciphers ^aes256-ctr\n  HostKeyAlgorithms ^rsa-sha2-512\n` },
  'lists in full': {
    config: `${LONGER}  Ciphers aes256-gcm@openssh.com,aes128-ctr\n  MACs hmac-sha2-256\n  KexAlgorithms curve25519-sha256\n  HostKeyAlgorithms ssh-ed25519\n  PubkeyAcceptedAlgorithms ssh-ed25519,rsa-sha2-256\n`,
  },
  PreferredAuthentications: { config: `${LONGER}  PreferredAuthentications publickey,password\n` },
  'methods switched off': {
    config: `${LONGER}  PasswordAuthentication no\n  KbdInteractiveAuthentication no\n`,
  },
  'a preferred method switched off': {
    config: `${LONGER}  PreferredAuthentications password,publickey\n  PasswordAuthentication no\n`,
  },
  'PubkeyAuthentication no': { config: `${LONGER}  PubkeyAuthentication no\n` },
  'PubkeyAuthentication unbound': { config: `${LONGER}  PubkeyAuthentication unbound\n` },
  'passwords and known hosts': { config: 'Host *\n  NumberOfPasswordPrompts 1\n  HashKnownHosts yes\n' },
  'where it starts from': {
    config: `${LONGER}  BindAddress 127.0.0.1\n  BindInterface lo\n  AddressFamily inet\n`,
  },
  'what is none of our business': {
    config: `${LONGER}  LocalForward 1 a:1\n  RemoteForward 2 b:2\n  DynamicForward 3\n  RequestTTY yes\n  ControlMaster auto\n  ControlPath ~/x\n  RemoteCommand ls\n  SendEnv LANG\n  LogLevel DEBUG\n`,
  },
}

test.each(Object.entries(shapes))(
  '%s',
  async (_title, { config, files = {}, names = ['acme'], user, port }) => {
    const folder = testFolder()
    for (const [name, text] of Object.entries(files))
      folder.write(name, text.replaceAll('%FOLDER%', folder.path))
    const file = folder.write('config', config.replaceAll('%FOLDER%', folder.path))
    const said: Partial<HostSpec> = { sshConfig: file, ...(user && { user }), ...(port && { port }) }
    const { hosts } = await resolved(
      Object.fromEntries(names.map((name) => [name, said])),
      names,
      surroundings,
    )
    for (const name of names) {
      const words = [
        '-F',
        file,
        ...(user ? ['-l', user] : []),
        ...(port ? ['-p', `${port}`] : []),
        '--',
        name,
      ]
      expect(meaningOf(hosts, name), name).toEqual(await askSsh(words))
    }
  },
)

const environment = { PATH: process.env.PATH, SSH_AUTH_SOCK: '/run/agent', SECRET: 'canary' }
const surroundings = { caller: environment, environment, user: userInfo().username }

/** In the terms of ssh_config(5). */
function meaningOf(hosts: ReadonlyMap<string, WantedHost>, name: string): Record<string, unknown> {
  const host = hosts.get(name)!
  return {
    hostname: host.hostname,
    port: host.port,
    user: host.user,
    identityFiles: host.identitiesNamed ? host.identityFiles : 'default',
    identitiesOnly: host.identitiesOnly,
    agent: host.agent,
    certificateFiles: host.certificateFiles,
    jumps: jumpsOf(hosts, host),
    proxyCommand: host.proxyCommand?.command ?? null,
    strictHostKeyChecking: host.strictHostKeyChecking,
    userKnownHostsFiles: host.userKnownHostsFiles.join(' '),
    globalKnownHostsFiles: host.globalKnownHostsFiles.join(' '),
    hostKeyAlias: host.hostKeyAlias,
    connectTimeoutMs: host.connectTimeoutMs,
    serverAliveIntervalMs: host.serverAliveIntervalMs,
    serverAliveCountMax: host.serverAliveCountMax,
    compression: host.compression,
    ciphers: host.ciphers,
    macs: host.macs,
    kexAlgorithms: host.kexAlgorithms,
    hostKeyAlgorithms: host.hostKeyAlgorithms,
    pubkeyAcceptedAlgorithms: host.pubkeyAcceptedAlgorithms,
    preferredAuthentications: host.preferredAuthentications,
    numberOfPasswordPrompts: host.numberOfPasswordPrompts,
    hashKnownHosts: host.hashKnownHosts,
    bindAddress: host.bindAddress,
    bindInterface: host.bindInterface,
    addressFamily: host.addressFamily,
  }
}

/** `user@host:port` of each hop, the nearest first; user and port as somebody would have to write them. */
function jumpsOf(hosts: ReadonlyMap<string, WantedHost>, host: WantedHost): string[] {
  const hop = host.jump === null ? undefined : hosts.get(host.jump)
  return hop ? [...jumpsOf(hosts, hop), `${hop.user}@${hop.hostname}:${hop.port}`] : []
}

async function askSsh(words: string[]): Promise<Record<string, unknown>> {
  const env = { PATH: process.env.PATH, SSH_AUTH_SOCK: '/run/agent' }
  const { stdout } = await run('ssh', ['-G', ...words], { env })
  const { stdout: bareText } = await run('ssh', ['-G', '-F', '/dev/null', '--', 'x'], { env })
  const [says, bare] = [linesOf(stdout), linesOf(bareText)]
  const all = (key: string) => says.get(key) ?? []
  const one = (key: string) => all(key)[0] ?? null
  const isBare = (key: string) => all(key).join() === (bare.get(key) ?? []).join()
  const algorithms = (key: string) => (isBare(key) ? null : shorten(one(key)!, bare.get(key)![0]!))
  const agent = one('identityagent') ?? 'SSH_AUTH_SOCK'
  return {
    hostname: one('hostname'),
    port: Number(one('port')),
    user: one('user'),
    identityFiles: isBare('identityfile') ? 'default' : all('identityfile').map(atHome),
    identitiesOnly: one('identitiesonly') === 'yes',
    agent: agent === 'none' ? null : agent === 'SSH_AUTH_SOCK' ? '/run/agent' : agent,
    certificateFiles: all('certificatefile').map(atHome),
    jumps: (one('proxyjump') ?? '').split(',').filter(Boolean).map(fullHop),
    proxyCommand: one('proxycommand') === 'none' ? null : one('proxycommand'),
    strictHostKeyChecking: { true: 'yes', false: 'no', ask: 'ask', 'accept-new': 'accept-new' }[
      one('stricthostkeychecking')!
    ],
    userKnownHostsFiles: one('userknownhostsfile'),
    globalKnownHostsFiles: one('globalknownhostsfile'),
    hostKeyAlias: one('hostkeyalias'),
    connectTimeoutMs: one('connecttimeout') === 'none' ? 10_000 : Number(one('connecttimeout')) * 1000,
    serverAliveIntervalMs: Number(one('serveraliveinterval')) * 1000 || 15_000,
    serverAliveCountMax: Number(one('serveralivecountmax')),
    compression: one('compression') === 'yes',
    ciphers: algorithms('ciphers'),
    macs: algorithms('macs'),
    kexAlgorithms: algorithms('kexalgorithms'),
    hostKeyAlgorithms: algorithms('hostkeyalgorithms'),
    pubkeyAcceptedAlgorithms: algorithms('pubkeyacceptedalgorithms'),
    preferredAuthentications: methodsOf(says),
    numberOfPasswordPrompts: Number(one('numberofpasswordprompts')),
    hashKnownHosts: one('hashknownhosts') === 'yes',
    bindAddress: one('bindaddress'),
    bindInterface: one('bindinterface'),
    addressFamily: one('addressfamily'),
  }
}

function linesOf(text: string): Map<string, string[]> {
  const lines = new Map<string, string[]>()
  for (const line of text.trim().split('\n')) {
    const [key = '', ...rest] = line.split(' ')
    lines.set(key, [...(lines.get(key) ?? []), rest.join(' ')])
  }
  return lines
}

function atHome(path: string): string {
  return path.replace(/^~/, homedir())
}

function fullHop(hop: string): string {
  const [, user = userInfo().username, host = '', port = '22'] = /^(?:(.*)@)?\[?(.*?)\]?(?::(\d+))?$/.exec(
    hop,
  )!
  return `${user}@${host}:${port}`
}

/** As somebody would have written the list: what is added to ssh's own, or taken from it. */
function shorten(list: string, own: string): string {
  if (list.startsWith(`${own},`)) return `+${list.slice(own.length + 1)}`
  const names = new Set(list.split(','))
  const left = own.split(',').filter((name) => names.has(name))
  const gone = own.split(',').filter((name) => !names.has(name))
  return left.join() === list && left.length >= gone.length ? `-${gone.join()}` : list
}

function methodsOf(says: Map<string, string[]>): string | null {
  const isOff = (key: string) => ['no', 'false'].includes(says.get(key)?.[0] ?? '')
  const off = [
    isOff('pubkeyauthentication') && 'publickey',
    isOff('passwordauthentication') && 'password',
    isOff('kbdinteractiveauthentication') && 'keyboard-interactive',
  ].filter(Boolean)
  const preferred = says.get('preferredauthentications')?.[0] ?? null
  if (off.length === 0) return preferred
  const list = (preferred ?? 'publickey,keyboard-interactive,password').split(',')
  return list.filter((method) => !off.includes(method)).join()
}

test('tokens are what ssh makes of them', async () => {
  const folder = testFolder()
  const tokens = ['%%', '%d', '%h', '%i', '%k', '%L', '%l', '%n', '%p', '%r', '%u', '%C', '${HOME}']
  const config = [
    'Host acme',
    '  HostName 127.0.0.1',
    '  Port 1',
    '  User bob',
    '  HostKeyAlias alias',
    ...tokens.map((token) => `  IdentityFile /k/${token}`),
    '  CertificateFile ~/%n-cert',
  ]
  const file = folder.write('config', config.join('\n'))
  const caller = { ...environment, HOME: homedir() }
  const { hosts } = await resolved({ acme: { sshConfig: file } }, ['acme'], { ...surroundings, caller })
  const acme = hosts.get('acme')!
  expect(acme.certificateFiles).toEqual([join(homedir(), 'acme-cert')])
  // ControlPath takes the same tokens, and is printed with them filled in.
  for (const [index, token] of tokens.entries()) {
    const path = `/k/${token}`
    const { stdout } = await run('ssh', ['-G', '-F', file, '-o', `ControlPath=${path}`, '--', 'acme'])
    const expanded = /^controlpath (.*)$/m.exec(stdout)?.[1]
    expect(acme.identityFiles[index], token).toBe(join(expanded!))
  }
})

// The pure half of `tunnels doctor`: what each outcome becomes, and which line its remedy names.

import { describe, expect, test } from 'vitest'
import { listenersIn, scopeOf } from '../../src/doctor/far-listeners.ts'
import { hostSteps } from '../../src/doctor/host-steps.ts'
import { dialRemedies, listenRemedies } from '../../src/doctor/policy.ts'
import { reachStep } from '../../src/doctor/reach.ts'
import type { Bind } from '../../src/model/address.ts'
import type { Step } from '../../src/model/diagnosis.ts'
import type { ProblemCode } from '../../src/model/problem.ts'
import type { WantedHost } from '../../src/model/wanted.ts'
import type { Step as Way } from '../../src/ssh/handshake.ts'
import { formatDiagnosis } from '../../src/view/diagnosis.ts'
import { host } from '../plan/wanted.ts'

const brief = (steps: Step[]) => steps.map(({ step, outcome }) => `${step} ${outcome}`)
const SHARED = ['banner', 'host_key', 'login']
const proxy = { command: 'nc %h %p', environment: {} }

describe('the way to a host', () => {
  test.each<[Partial<WantedHost>, string[]]>([
    [{}, ['name', 'connection', ...SHARED]],
    [{ proxyCommand: proxy }, ['proxy_command', ...SHARED]],
    [{ jump: 'gate' }, ['jump', ...SHARED]],
  ])('all well: %j', (change, names) => {
    const steps = hostSteps(host('acme', change), { step: 'authentication', said: 'SSH-2.0-x' }, null)
    expect(brief(steps)).toEqual(names.map((name) => `${name} well`))
  })

  const direct = {}
  const jumping = { jump: 'gate' }
  const proxied = { proxyCommand: proxy }
  test.each<[Partial<WantedHost>, ProblemCode, Way, string]>([
    [direct, 'HOST_UNRESOLVED', 'connecting', 'name'],
    [direct, 'HOST_UNREACHABLE', 'connecting', 'connection'],
    [direct, 'HOST_TIMEOUT', 'connecting', 'connection'],
    [direct, 'HOST_TIMEOUT', 'waiting for the banner', 'banner'],
    [direct, 'HOST_LOST', 'waiting for the banner', 'banner'],
    [direct, 'HOST_PROTOCOL', 'waiting for the banner', 'banner'],
    [direct, 'HOST_PROTOCOL', 'key exchange', 'host_key'],
    [direct, 'HOST_KEY_UNKNOWN', 'key exchange', 'host_key'],
    [direct, 'HOST_KEY_CHANGED', 'key exchange', 'host_key'],
    [direct, 'HOST_LOST', 'authentication', 'login'],
    [direct, 'AUTH_FAILED', 'authentication', 'login'],
    [direct, 'AUTH_NEEDS_PERSON', 'authentication', 'login'],
    [jumping, 'HOST_UNRESOLVED', 'connecting', 'jump'],
    [jumping, 'HOST_UNREACHABLE', 'connecting', 'jump'],
    [jumping, 'FORWARD_PROHIBITED', 'connecting', 'jump'],
    [jumping, 'HOST_KEY_CHANGED', 'key exchange', 'host_key'],
    [proxied, 'HOST_UNREACHABLE', 'waiting for the banner', 'proxy_command'],
    [proxied, 'HOST_TIMEOUT', 'waiting for the banner', 'banner'],
  ])('%j: %s while %s is the step %s', (change, code, step, red) => {
    const problem = { code, summary: 'it is so' }
    const steps = hostSteps(host('acme', change), { step }, problem)
    const at = steps.findIndex(({ outcome }) => outcome === 'wrong')
    expect(steps[at]).toMatchObject({ step: red, summary: 'it is so', problem: { code } })
    expect(steps.slice(0, at).every(({ outcome }) => outcome === 'well')).toBe(true)
    expect(steps.slice(at + 1).every(({ outcome }) => outcome === 'not_reached')).toBe(true)
  })

  test.each([
    ['a fault of our own', 'INTERNAL', 'connecting', undefined],
    ['a person is missing', 'AUTH_NEEDS_PERSON', 'authentication', { methods: ['password'], hasBegun: true }],
    [
      'it takes no login of ours',
      'AUTH_FAILED',
      'authentication',
      { methods: ['hostbased'], hasBegun: false },
    ],
  ] as const)('%s: nothing is added to what the problem says', (_what, code, step, takes) => {
    const problem = { code, summary: 'it is so', hint: 'its own' }
    const steps = hostSteps(host('acme'), { step, ...(takes && { takes }) }, problem)
    expect(steps.find((each) => each.problem)?.problem?.hint).toBe('its own')
  })

  test.each([
    { methods: ['password'], hasBegun: false },
    { methods: ['keyboard-interactive', 'password'], hasBegun: false },
    { methods: ['publickey', 'password'], hasBegun: true },
  ])('a login refused that %j could go on is about passwords, not keys', (takes) => {
    const problem = { code: 'AUTH_FAILED', summary: 'it is so' } as const
    const steps = hostSteps(host('acme'), { step: 'authentication', takes }, problem)
    const hint = steps.find((each) => each.problem)?.problem?.hint
    expect(hint).toMatch(/`password_env: NAME`, or `tunnels up`/)
    expect(hint).not.toMatch(/IdentityFile|PubkeyAuthentication|AllowUsers/)
  })

  test.each<[Partial<WantedHost>, ProblemCode, Way, RegExp]>([
    [direct, 'HOST_UNRESOLVED', 'connecting', /`HostName ADDRESS`/],
    [direct, 'HOST_UNREACHABLE', 'connecting', /`Port`; in its sshd_config: `Port 22`/],
    [direct, 'HOST_TIMEOUT', 'connecting', /`ProxyJump HOST`/],
    [direct, 'AUTH_FAILED', 'authentication', /`IdentityFile ~\/\.ssh\/KEY`/],
    [
      jumping,
      'FORWARD_PROHIBITED',
      'connecting',
      /of gate: `AllowTcpForwarding yes`.*`PermitOpen acme.example.com:22`/,
    ],
    [proxied, 'HOST_UNREACHABLE', 'waiting for the banner', /`ProxyCommand`/],
  ])('%j: %s while %s has a remedy', (change, code, step, remedy) => {
    const problem = { code, summary: 'it is so', hint: 'its own' }
    const hint = hostSteps(host('acme', change), { step }, problem).find((each) => each.problem)?.problem
      ?.hint
    // What a policy asks for is said once, as the line to write.
    expect(hint?.startsWith('its own\n')).toBe(code !== 'FORWARD_PROHIBITED')
    expect(hint).toMatch(remedy)
  })
})

describe('who listens there', () => {
  const ss = `State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
LISTEN 0      128        127.0.0.1:7000      0.0.0.0:*
LISTEN 0      128            [::1]:7000         [::]:*
LISTEN 0      128          0.0.0.0:7001      0.0.0.0:*
LISTEN 0      128             [::]:7001         [::]:*
LISTEN 0      128                *:7002            *:*
LISTEN 0      128     10.0.0.5%eth0:7003     0.0.0.0:*
ESTAB  0      0          10.0.0.5:7000    10.0.0.6:4242`
  const netstat = `Active Internet connections (only servers)
Proto Recv-Q Send-Q Local Address           Foreign Address         State
tcp        0      0 127.0.0.1:7000          0.0.0.0:*               LISTEN
tcp6       0      0 ::1:7000                :::*                    LISTEN
tcp        0      0 0.0.0.0:7001            0.0.0.0:*               LISTEN
tcp6       0      0 :::7001                 :::*                    LISTEN`
  const bsd = `Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)
tcp4       0      0  127.0.0.1.7000         *.*                    LISTEN
tcp6       0      0  ::1.7000               *.*                    LISTEN
tcp46      0      0  *.7001                 *.*                    LISTEN
tcp4       0      0  10.0.0.5.22            10.0.0.6.7000          ESTABLISHED`
  const proc = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1B58 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:1B59 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   2: 0100007F:1B59 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   0: 00000000000000000000000001000000:1B58 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1 1 0
   1: 0000000000000000FFFF00000100007F:1B5A 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1 1 0
   1: B80D0120000000000000000007000000:1B5B 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1 1 0`

  test.each<[string, string, number, string[]]>([
    ['ss', ss, 7000, ['127.0.0.1', '::1']],
    ['ss', ss, 7001, ['0.0.0.0', '::']],
    ['ss', ss, 7002, ['*']],
    ['ss', ss, 7003, ['10.0.0.5']],
    ['ss', ss, 128, []],
    ['netstat', netstat, 7000, ['127.0.0.1', '::1']],
    ['netstat', netstat, 7001, ['0.0.0.0', '::']],
    ['BSD netstat', bsd, 7000, ['127.0.0.1', '::1']],
    ['BSD netstat', bsd, 7001, ['*']],
    ['/proc', proc, 7000, ['127.0.0.1', '::1']],
    ['/proc', proc, 7001, ['0.0.0.0']],
    ['/proc', proc, 7002, ['127.0.0.1']],
    ['/proc', proc, 7003, ['2001:db8::7']],
    ['a forced command', 'This account is for git only, LISTEN to it.\r\n', 7000, []],
    ['nothing', '', 7000, []],
  ])('%s, port %#', (_tool, text, port, expected) => {
    expect(listenersIn(text, port)).toEqual(expected)
  })

  test.each<[string[], string]>([
    [['127.0.0.1', '::1'], 'loopback'],
    [['127.0.0.1'], 'loopback'],
    [['0.0.0.0', '::'], 'all'],
    [['*'], 'all'],
    [['127.0.0.1', '::'], 'all'],
    [['10.0.0.5'], 'address'],
    [['127.0.0.1', '10.0.0.5'], 'address'],
  ])('%j is %s', (addresses, scope) => {
    expect(scopeOf(addresses)).toBe(scope)
  })
})

describe('as wide as it was asked to', () => {
  test.each<[Bind, string[], string, RegExp]>([
    ['loopback', ['127.0.0.1', '::1'], 'well', /from that machine alone \(127\.0\.0\.1, ::1\)/],
    ['loopback', ['0.0.0.0', '::'], 'wrong', /listens on all its interfaces/],
    ['loopback', ['127.0.0.1', '10.0.0.5'], 'well', /from that machine alone/],
    ['any', ['0.0.0.0', '::'], 'well', /on all its interfaces/],
    ['any', ['127.0.0.1', '::1'], 'wrong', /nobody outside that machine/],
    [{ address: '7.7.7.7' }, ['7.7.7.7'], 'well', /the address asked for/],
    [{ address: '7.7.7.7' }, ['127.0.0.1'], 'wrong', /nobody outside that machine/],
    [{ address: '7.7.7.7' }, ['0.0.0.0'], 'wrong', /all its interfaces/],
    [{ address: '127.0.0.1' }, ['127.0.0.1'], 'well', /from that machine alone/],
  ])('%j on %j is %s', (bind, addresses, outcome, summary) => {
    const found = { scope: scopeOf(addresses), addresses }
    const step = reachStep('acme', { kind: 'tcp', bind, port: 7000 }, found)
    expect(step.outcome).toBe(outcome)
    expect(step.summary).toMatch(summary)
    if (outcome === 'wrong')
      expect(step.problem).toMatchObject({
        code: 'REMOTE_BIND_DIFFERS',
        hint: expect.stringContaining('`GatewayPorts clientspecified`'),
      })
  })

  test('what nobody could see is no verdict', () => {
    expect(reachStep('acme', { kind: 'tcp', bind: 'any', port: 7000 }, null).outcome).toBe('unclear')
  })
})

test.each([
  [{ dials: false, listens: false }, /`AllowTcpForwarding yes`[\s\S]*`PermitOpen db:5432`/],
  [{ dials: false, listens: true }, /`PermitOpen db:5432` where there is a PermitOpen/],
  [{ dials: true, listens: true }, /`PermitOpen db:5432` beside what it permits/],
])('a target refused where it %j: the likeliest line first', (policy, remedy) => {
  expect(dialRemedies({ kind: 'tcp', host: 'db', port: 5432 }, policy).join('\n')).toMatch(remedy)
})

test.each([
  [
    { dials: false, listens: false },
    /^In its sshd_config: `AllowTcpForwarding yes`[\s\S]*`PermitListen 7000`/,
  ],
  [{ dials: true, listens: false }, /^In its sshd_config: `PermitListen 7000`/],
])('a listener refused where it %j: the likeliest line first', (policy, remedy) => {
  expect(listenRemedies({ kind: 'tcp', bind: 'loopback', port: 7000 }, policy).join('\n')).toMatch(remedy)
})

test('a block is a line a step, the remedy under the red one, and nothing that a terminal obeys', () => {
  const steps = hostSteps(
    host('acme'),
    { step: 'waiting for the banner', address: '10.0.0.1' },
    { code: 'HOST_PROTOCOL', summary: 'Not SSH', detail: 'It says: \u001b[2J', hint: 'Check the port' },
  )
  expect(formatDiagnosis({ name: 'acme', endpoint: 'me@acme:22', steps }, false)).toBe(`host acme (me@acme:22)
  ✓ name           acme.example.com is 10.0.0.1
  ✓ connection     10.0.0.1:22 takes the connection
  ✗ banner         Not SSH [HOST_PROTOCOL]
                   It says: \\x1b[2J
                   → Check the port
                   → In ssh_config: \`Port\`
  · host key       not reached
  · login          not reached
`)
})

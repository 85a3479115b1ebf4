// `gateway: relay` against a real sshd that says `GatewayPorts no`: by each program that can be the relay.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Carrier, Incoming } from '../../src/forward/carrier.ts'
import type { Bind } from '../../src/model/address.ts'
import { problemOf } from '../../src/model/problem.ts'
import { relayCommand } from '../../src/ssh/relay-program.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { exchange, failureOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { canListen, freePort } from '../helpers/ports.ts'
import { processesWith } from '../helpers/processes.ts'
import { sampleOf } from '../helpers/sample.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { hostFor, open, problemFrom, tenMegabytes } from './support.ts'

/** Loopback of this machine as well, but sshd's own listener on 127.0.0.1 does not hear it. Linux has all of 127/8. */
const ELSEWHERE = '127.0.0.2'
const onLinux = describe.skipIf(process.platform !== 'linux')
const RELAY = { replace: false, gateway: 'relay' } as const
const any = (port: number | 'auto', bind: Bind = 'any') => ({ kind: 'tcp', bind, port }) as const

/** `which`: of the programs that can be a relay, those that the far side has. */
function far(which: string[], config: string[] = []): Promise<Sshd> {
  const folder = testFolder().path
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const name of ['sh', 'sleep', 'ps', 'grep', 'cat', 'echo', ...which])
    symlinkSync(placeOf(name)!, join(bin, name))
  // With SHLVL the account's bash reads no .bashrc, which could set another PATH.
  const env = `SetEnv PATH=${bin} SHLVL=2 SSH_AUTH_SOCK=${folder}/agent`
  return startSshd({ config: ['GatewayPorts no', env, ...config] })
}

function placeOf(name: string): string | undefined {
  return ['/usr/bin', '/bin', '/usr/local/bin'].map((folder) => join(folder, name)).find(existsSync)
}

const relays = (token: string) => processesWith(token)

async function agentOf(sshd: Sshd): Promise<void> {
  const path = /SSH_AUTH_SOCK=(\S+)/.exec(readConfig(sshd))![1]!
  const agent = spawn('ssh-agent', ['-D', '-a', path], { stdio: ['ignore', 'pipe', 'ignore'] })
  atEnd(async () => {
    agent.kill()
    if (agent.exitCode === null && agent.signalCode === null) await once(agent, 'exit')
  })
  await eventually(() => {
    execFileSync('ssh-add', ['-q', sshd.identityFile], { env: { ...process.env, SSH_AUTH_SOCK: path } })
    return true
  })
}

function readConfig({ folder }: Sshd): string {
  return execFileSync('cat', [join(folder, 'sshd_config')], { encoding: 'utf8' })
}

const echo = (incoming: Incoming) => {
  const { stream } = incoming.accept()
  stream.pipe(stream)
}

async function throughRelay(carrier: Carrier, port: number | 'auto') {
  const listener = await carrier.listen(any(port), RELAY, echo)
  const [relay] = relays(listener.relay!.token)
  expect(relay, 'the relay runs').toBeDefined()
  return { listener, token: listener.relay!.token, to: { host: ELSEWHERE, port: listener.port } }
}

const PROGRAMS = ['python3', 'socat', 'ssh'].filter((name) => placeOf(name))

/** Of the other two one a day. */
const TODAY = ['python3', ...sampleOf(PROGRAMS.slice(1), 2)]

onLinux.each(TODAY)('by %s', (program) => {
  test('everybody gets through, with every byte and each end, and it goes with the forward', async () => {
    const sshd = await far([program])
    if (program === 'ssh') await agentOf(sshd)
    const carrier = await open(hostFor(sshd))
    const port = await freePort()
    const { listener, token, to } = await throughRelay(carrier, port)
    expect(listener).toMatchObject({ address: `*:${port}`, port })
    expect((await exchange(to, tenMegabytes)).equals(tenMegabytes)).toBe(true)
    const many = Array.from({ length: 40 }, (_, index) => exchange(to, `client ${index}`))
    expect((await Promise.all(many)).map(String)).toContain('client 39')

    const held = await openClient(to)
    await Promise.all([listener.close(), listener.close()])
    expect(await failureOf(to)).toBe('ECONNREFUSED')
    if (program !== 'ssh') {
      // What is open goes on until it ends, and then there is nothing left.
      held.client.write('more')
      await eventually(() => held.heard() === 'openmore')
    }
    held.client.destroy()
    await eventually(() => relays(token).length === 0)
  })

  test('it ends with the connection, says so when it ends before it, and is told from a stale one', async () => {
    const sshd = await far([program])
    if (program === 'ssh') await agentOf(sshd)
    const carrier = await open(hostFor(sshd))
    const first = await throughRelay(carrier, 'auto')
    process.kill(-first.listener.relay!.pids[0]!, 'SIGKILL')
    await eventually(() => first.listener.lost!.aborted)
    expect(problemOf(first.listener.lost!.reason)).toMatchObject({ code: 'RELAY_LOST' })
    await first.listener.close()

    const second = await throughRelay(carrier, 'auto')
    // Another session asks for the port: only with the mark of the relay it is taken over.
    const other = await open(hostFor(sshd))
    const listen = any(second.listener.port)
    expect(await problemFrom(other.listen(listen, RELAY, echo))).toMatchObject({ code: 'REMOTE_PORT_IN_USE' })
    const wrong = { pids: second.listener.relay!.pids, token: '0123456789abcdef' }
    expect((await problemFrom(other.listen(listen, { ...RELAY, before: wrong }, echo))).code).toBe(
      'REMOTE_PORT_IN_USE',
    )
    const third = await other.listen(listen, { ...RELAY, before: second.listener.relay! }, echo)
    expect(String(await exchange(second.to, 'taken over'))).toBe('taken over')
    await sshd.killSessions()
    await eventually(() => relays(third.relay!.token).length === 0 && relays(second.token).length === 0)
    await eventually(() => canListen('0.0.0.0', second.listener.port))
  })
})

async function openClient(to: { host: string; port: number }) {
  const client = connect(to)
  let text = ''
  client.on('data', (chunk) => {
    text += String(chunk)
  })
  client.on('error', () => {})
  client.write('open')
  await eventually(() => text === 'open')
  return { client, heard: () => text }
}

onLinux('why there is none', () => {
  const listenOn = async (sshd: Sshd, listen = any('auto')) =>
    problemFrom((await open(hostFor(sshd))).listen(listen, RELAY, echo))

  test.each<[string, string[], string[], string, RegExp]>([
    ['no program', [], [], 'RELAY_UNAVAILABLE', /neither python3 nor socat nor ssh/],
    ['ssh may not log in there', ['ssh'], [], 'RELAY_UNAVAILABLE', /with ssh/],
    [
      'another command runs',
      ['socat'],
      ['ForceCommand echo files only'],
      'FORWARD_PROHIBITED',
      /lets no relay/,
    ],
    ['no command at all', ['socat'], ['MaxSessions 0'], 'FORWARD_PROHIBITED', /lets no relay/],
    ['no listener for it', ['socat'], ['PermitListen 1'], 'FORWARD_PROHIBITED', /on its loopback/],
  ])('%s', async (_why, programs, config, code, summary) => {
    if (!programs.every((name) => placeOf(name))) return
    const problem = await listenOn(await far(programs, config))
    expect(problem).toMatchObject({ code, summary: expect.stringMatching(summary) })
    if (config[0]?.startsWith('ForceCommand')) expect(problem.detail).toContain('files only')
  })

  test.each(TODAY)(
    'a port that is taken, if only on one loopback; an address of another machine: %s',
    async (program) => {
      const sshd = await far([program])
      if (program === 'ssh') await agentOf(sshd)
      const taken = createServer().listen(0, '127.0.0.1')
      atEnd(() => void taken.close())
      await once(taken, 'listening')
      const { port } = taken.address() as { port: number }
      expect(await listenOn(sshd, any(port))).toMatchObject({ code: 'REMOTE_PORT_IN_USE' })
      const foreign = any(await freePort(), { address: '203.0.113.7' })
      expect(await listenOn(sshd, foreign)).toMatchObject({
        code: 'FORWARD_PROHIBITED',
        detail: expect.stringContaining('203.0.113.7 is no address'),
      })
      await eventually(() => sshd.sessions().length > 0)
    },
  )
})

test('with GatewayPorts yes it is the same', async () => {
  const sshd = await startSshd({ config: ['GatewayPorts yes'] })
  const { listener, token } = await throughRelay(await open(hostFor(sshd)), 'auto')
  expect(String(await exchange(listener.port, 'hello'))).toBe('hello')
  await listener.close()
  await eventually(() => relays(token).length === 0)
})

test('the command line is one word for any shell, and takes nothing that could be more', () => {
  const order = { token: 'abc', bind: 'any', port: 1, inner: 2, before: { pids: [3, 4], token: 'def' } }
  expect(relayCommand(order)).toMatch(/^exec sh -c '[^'\\\n]*' tunnels-relay [\w .:-]*$/)
  expect(relayCommand({ ...order, bind: 'fd00::7' })).toContain(' fd00::7 ')
  for (const bind of ["1'; reboot", '$(reboot)', 'a b', '', '`id`', '1;id', '*', '~', '1\n2'])
    expect(() => relayCommand({ ...order, bind })).toThrow('command line')
})

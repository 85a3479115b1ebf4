// A host that is connected on demand, over plain carriers.

import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { Dial } from '../../src/forward/carrier.ts'
import { type Problem, ProblemError } from '../../src/model/problem.ts'
import type { WantedHost } from '../../src/model/wanted.ts'
import { HostSlot } from '../../src/reconcile/host-slot.ts'
import { Prompts } from '../../src/reconcile/prompts.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { failureOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { startEcho } from '../helpers/servers.ts'
import { host, local, remote, wanted } from '../plan/wanted.ts'
import { plainNetwork } from './plain-carrier.ts'
import { openEcho, world } from './world.ts'

const unreachable: Problem = { code: 'HOST_UNREACHABLE', summary: 'nobody is there' }
const refused: Problem = { code: 'AUTH_FAILED', summary: 'no key is taken' }

const onDemand = (name: string, fields: Partial<WantedHost> = {}) =>
  host(name, { connect: 'on_demand', disconnectAfterMs: 600_000, ...fields })

const never = () => new AbortController().signal

function slotOf(spec: WantedHost, jump: HostSlot | null = null, network = plainNetwork()) {
  const attempts: string[] = []
  const connect: typeof network.connect = (each, options) => {
    attempts.push(each.name)
    return network.connect(each, options)
  }
  const states: string[] = []
  const onChange = () => {
    const { state } = slot?.status() ?? { state: 'idle' }
    if (states.at(-1) !== state) states.push(state)
  }
  let slot: HostSlot | null = null
  slot = new HostSlot(spec, jump, { connect, onChange, prompts: new Prompts() })
  const made = slot
  atEnd(() => made.retire(true))
  return { ...network, slot: made, attempts, states, use: () => made.carrier(never()) }
}

describe('a host on demand', () => {
  test('is idle until somebody uses it, and connects then', async () => {
    const { slot, attempts, use, states } = slotOf(onDemand('acme'))
    const always = slotOf(host('other'))
    await always.use()
    expect(slot.status()).toMatchObject({ state: 'idle', problem: null, retryAt: null })
    expect(attempts).toEqual([])
    await use()
    expect(slot.status()).toMatchObject({ state: 'open', reconnects: 0 })
    expect(states).toEqual(['idle', 'opening', 'open'])
  })

  test('several who wait share one attempt', async () => {
    const { attempts, use } = slotOf(onDemand('acme'))
    const all = await Promise.all([use(), use(), use()])
    expect(new Set(all).size).toBe(1)
    expect(attempts).toEqual(['acme'])
  })

  test('disconnects when nobody has used it for disconnect_after; the next use is no reconnect', async () => {
    const { slot, use, made } = slotOf(onDemand('acme', { disconnectAfterMs: 1 }))
    await use()
    await eventually(() => slot.state === 'idle')
    expect(made.map((each) => each.isOpen())).toEqual([false])
    expect(slot.status()).toMatchObject({ problem: null, reconnects: 0 })
    await use()
    expect(made.length).toBe(2)
    expect(slot.status().reconnects).toBe(0)
  })

  test('stays while it is used, however long, and goes after the last has let go', async () => {
    const { slot, use, made } = slotOf(onDemand('acme'))
    const held = await use()
    const [first, second] = [held.hold(), held.hold()]
    slot.update(onDemand('acme', { disconnectAfterMs: 1 }))
    first()
    const other = slotOf(onDemand('other', { disconnectAfterMs: 1 }))
    await other.use()
    await eventually(() => other.slot.state === 'idle')
    expect(slot.state).toBe('open')
    second()
    await eventually(() => slot.state === 'idle')
    expect(made[0]!.isOpen()).toBe(false)
  })

  test('a disconnect_after of 0 is off: once connected it stays so', async () => {
    const { slot, use } = slotOf(onDemand('acme', { disconnectAfterMs: 0 }))
    const other = slotOf(onDemand('other', { disconnectAfterMs: 1 }))
    await Promise.all([use(), other.use()])
    await eventually(() => other.slot.state === 'idle')
    expect(slot.state).toBe('open')
  })

  test('a server that ends what nobody uses is no trouble: idle, without a problem and without another attempt', async () => {
    const { slot, use, made, attempts, states } = slotOf(onDemand('acme'))
    await use()
    made[0]!.lose()
    await eventually(() => slot.state === 'idle')
    expect(slot.problem).toBeNull()
    await slotOf(host('other')).use()
    expect(attempts.length).toBe(1)
    await use()
    expect(slot.status()).toMatchObject({ state: 'open', problem: null, reconnects: 0 })
    expect(states).toEqual(['idle', 'opening', 'open', 'idle', 'opening', 'open'])
  })

  test('lost while it is used: idle with its problem, back at the next use', async () => {
    const { slot, use, made } = slotOf(onDemand('acme'))
    ;(await use()).hold()
    made[0]!.lose()
    await eventually(() => slot.state === 'idle')
    expect(slot.problem).toMatchObject({ code: 'HOST_LOST' })
    await use()
    expect(slot.status()).toMatchObject({ state: 'open', problem: null })
  })

  test('who waits, waits up to connect_timeout while it is tried; then it is idle with its problem', async () => {
    const network = plainNetwork()
    network.refuse.set('acme', unreachable)
    const { slot, use, attempts } = slotOf(onDemand('acme', { connectTimeoutMs: 300 }), null, network)
    const waiting = use()
    await eventually(() => attempts.length > 1)
    await expect(waiting).rejects.toMatchObject({ problems: [{ code: 'HOST_UNREACHABLE' }] })
    await eventually(() => slot.state === 'idle')
    expect(slot.status()).toMatchObject({ problem: { code: 'HOST_UNREACHABLE' }, retryAt: null })
    const tried = attempts.length
    await slotOf(host('other')).use()
    expect(attempts.length).toBeLessThanOrEqual(tried + 1)
    network.refuse.clear()
    await use()
    expect(slot.status()).toMatchObject({ state: 'open', problem: null })
  })

  test('a refused key rests: no use shows it again, until somebody asks', async () => {
    const network = plainNetwork()
    network.refuse.set('acme', refused)
    const { slot, use, attempts } = slotOf(onDemand('acme'), null, network)
    await expect(use()).rejects.toMatchObject({ problems: [{ code: 'AUTH_FAILED' }] })
    await eventually(() => slot.state === 'failed')
    await expect(use()).rejects.toMatchObject({ problems: [{ code: 'AUTH_FAILED' }] })
    expect(attempts.length).toBe(1)
    expect(slot.wake()).toBe(true)
    await eventually(() => attempts.length === 2 && slot.state === 'failed')
    network.refuse.clear()
    slot.wake()
    await eventually(() => slot.state === 'open')
    expect(attempts.length).toBe(3)
  })

  test('an edit of it interrupts nothing: always connects at once, on_demand lets go of what is unused', async () => {
    const { slot, made, attempts } = slotOf(onDemand('acme'))
    slot.update(host('acme'))
    await eventually(() => slot.state === 'open')
    slot.update(onDemand('acme', { disconnectAfterMs: 1 }))
    await eventually(() => slot.state === 'idle')
    expect([made.length, attempts.length]).toEqual([1, 1])
  })

  test('an edit that needs a new connection waits for a use as well, and forgets what was wrong before', async () => {
    const network = plainNetwork()
    network.refuse.set('me@acme', refused)
    const { slot, use, attempts } = slotOf(onDemand('acme'), null, network)
    await expect(use()).rejects.toThrow()
    await eventually(() => slot.state === 'failed')
    slot.reopen(onDemand('acme', { user: 'you' }), null)
    expect(slot.status()).toMatchObject({ state: 'idle', problem: null })
    await slotOf(host('other')).use()
    expect(attempts.length).toBe(1)
    await use()
    expect(slot.state).toBe('open')
  })

  test('one that is behind it wakes it, keeps it, and is idle with it', async () => {
    const network = plainNetwork()
    const { port } = await startEcho()
    const bastion = slotOf(onDemand('bastion', { disconnectAfterMs: 1 }), null, network)
    const db = onDemand('db', { jump: 'bastion', hostname: '127.0.0.1', port })
    const behind = slotOf(db, bastion.slot, network)
    expect([bastion.slot.state, behind.slot.state]).toEqual(['idle', 'idle'])
    const held = await behind.use()
    const release = held.hold()
    const other = slotOf(onDemand('other', { disconnectAfterMs: 1 }))
    await other.use()
    await eventually(() => other.slot.state === 'idle')
    expect([bastion.slot.state, behind.slot.state]).toEqual(['open', 'open'])
    behind.slot.update({ ...db, disconnectAfterMs: 1 })
    release()
    await eventually(() => [bastion.slot.state, behind.slot.state].every((state) => state === 'idle'))
  })

  test('one that is always connected behind it has it try again and again, and not hot', async () => {
    const network = plainNetwork()
    network.refuse.set('bastion', unreachable)
    const { port } = await startEcho()
    const slow = { initialMs: 600_000, maxMs: 600_000, attempts: Number.POSITIVE_INFINITY }
    const bastion = slotOf(onDemand('bastion', { reconnect: slow, connectTimeoutMs: 1 }), null, network)
    const behind = slotOf(host('db', { jump: 'bastion', hostname: '127.0.0.1', port }), bastion.slot, network)
    await eventually(() => behind.slot.state === 'retrying')
    await eventually(() => bastion.slot.state === 'retrying')
    expect(bastion.slot.status().retryAt).not.toBeNull()
    expect(bastion.attempts.length).toBeLessThan(20)
    network.refuse.clear()
    bastion.slot.wake()
    await eventually(() => behind.slot.state === 'open')
  })

  test('who waits behind a jump host that is down goes, and both are idle', async () => {
    const network = plainNetwork()
    network.refuse.set('bastion', unreachable)
    const bastion = slotOf(onDemand('bastion'), null, network)
    const behind = slotOf(onDemand('db', { jump: 'bastion', connectTimeoutMs: 100 }), bastion.slot, network)
    await expect(behind.use()).rejects.toMatchObject({ problems: [{ code: 'HOST_UNREACHABLE' }] })
    await eventually(() => [bastion.slot.state, behind.slot.state].every((state) => state === 'idle'))
  })
})

describe('the forwards of a host on demand', () => {
  test('listen while it is idle, and the first connection waits for it', async () => {
    const { apply, forward, host: hostNamed, made } = world()
    const [echo, port] = [await startEcho(), await freePort()]
    const a = local('a', port, { to: { kind: 'tcp', host: '127.0.0.1', port: echo.port } })
    await apply(wanted([a], [onDemand('acme', { disconnectAfterMs: 300_000 })]))
    expect(forward('a')).toMatchObject({ state: 'idle', problem: null })
    expect(made.length).toBe(0)
    const client = await openEcho(port)
    expect(await client.says('hello')).toBe('hello')
    expect(forward('a').state).toBe('open')
    await apply(wanted([a], [onDemand('acme', { disconnectAfterMs: 1 })]))
    expect(await client.says('still')).toBe('still')
    client.end()
    await eventually(() => hostNamed('acme').state === 'idle')
    expect(forward('a').state).toBe('idle')
    expect(await (await openEcho(port)).says('again')).toBe('again')
  })

  test('a remote one needs the connection all the time: it is made, kept, and made again', async () => {
    const { apply, forward, host: hostNamed, made } = world()
    const [echo, port] = [await startEcho(), await freePort()]
    const hook = remote('hook', port, { to: { kind: 'tcp', host: '127.0.0.1', port: echo.port } })
    await apply(wanted([hook], [onDemand('acme', { disconnectAfterMs: 1 })]))
    await eventually(() => forward('hook').state === 'open')
    made[0]!.lose()
    await eventually(() => made.length === 2 && forward('hook').state === 'open')
    expect(hostNamed('acme').reconnects).toBe(1)
    const client = await openEcho(port)
    expect(await client.says('hello')).toBe('hello')
    client.end()
    await apply(wanted([local('a', await freePort())], [onDemand('acme', { disconnectAfterMs: 1 })]))
    await eventually(() => hostNamed('acme').state === 'idle')
  })

  test('a connection whose host is lost before its target has answered goes with the next one, once', async () => {
    const { connect, made } = plainNetwork()
    const [echo, lose] = [await startEcho(), [true, false, true, true]]
    const loses: typeof connect = async (spec, options) => {
      const carrier = await connect(spec, options)
      const { lose: loseIt } = made.at(-1)!
      const dial: Dial = async (...args) => {
        if (!lose.shift()) return carrier.dial(...args)
        loseIt()
        throw new ProblemError({ code: 'HOST_LOST', summary: 'lost' })
      }
      return { ...carrier, dial }
    }
    const slot = new HostSlot(onDemand('acme'), null, {
      connect: loses,
      onChange: () => {},
      prompts: new Prompts(),
    })
    atEnd(() => slot.retire(true))
    const target = { kind: 'tcp', host: '127.0.0.1', port: echo.port } as const
    const dial = () => slot.dial(target, { address: null, port: 0 }, never())
    const { stream } = await dial()
    stream.write('hello')
    expect(String((await once(stream, 'data'))[0])).toBe('hello')
    made.at(-1)!.lose()
    await expect(dial()).rejects.toMatchObject({ problems: [{ code: 'HOST_LOST' }] })
    expect(made.length).toBe(4)
  })

  test('one that moves to it need not wait for a connection that nobody makes', async () => {
    const { apply, forward, made } = world()
    const [echo, port] = [await startEcho(), await freePort()]
    const to = { kind: 'tcp', host: '127.0.0.1', port: echo.port } as const
    await apply(wanted([local('a', port, { to, via: 'old' })]))
    await eventually(() => forward('a').state === 'open')
    await apply(wanted([local('a', port, { to, via: 'new' })], [onDemand('new')]))
    expect(forward('a').state).toBe('idle')
    expect(await (await openEcho(port)).says('through the new one')).toBe('through the new one')
    expect(made.map((each) => [each.host.name, each.isOpen()])).toEqual([
      ['old', false],
      ['new', true],
    ])
  })

  test('a connection that waits in vain is reset, and the forward is idle again with the reason', async () => {
    const { apply, forward, refuse } = world()
    const [port] = await freePorts(1)
    refuse.set('acme', unreachable)
    await apply(wanted([local('a', port!)], [onDemand('acme', { connectTimeoutMs: 100 })]))
    expect(await failureOf(port!)).toBe('ECONNRESET')
    await eventually(() => expect(forward('a')).toMatchObject({ state: 'idle', problem: unreachable }))
    expect(forward('a').connections).toMatchObject({ active: 0, failed: 1 })
  })
})

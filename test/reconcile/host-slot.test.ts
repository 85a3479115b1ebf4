import { expect, test } from 'vitest'
import { HostSlot } from '../../src/reconcile/host-slot.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { host } from '../plan/wanted.ts'
import { plainNetwork } from './plain-carrier.ts'

test('nobody waits for a host who has gone already, or goes while it waits', async () => {
  const { connect, refuse } = plainNetwork()
  refuse.set('acme', { code: 'HOST_UNREACHABLE', summary: 'nobody is there' })
  const slot = new HostSlot(host('acme', { connectTimeoutMs: 2 ** 31 - 1 }), null, connect, () => {})
  atEnd(() => slot.retire(true))
  await expect(slot.carrier(AbortSignal.abort('gone'))).rejects.toBe('gone')
  const leaving = new AbortController()
  const waiting = slot.carrier(leaving.signal)
  leaving.abort('gone, too')
  await expect(waiting).rejects.toBe('gone, too')
})

test('who waits is told at once when the host is closed', async () => {
  const { connect, refuse } = plainNetwork()
  refuse.set('acme', { code: 'HOST_UNREACHABLE', summary: 'nobody is there' })
  const slot = new HostSlot(host('acme', { connectTimeoutMs: 2 ** 31 - 1 }), null, connect, () => {})
  const waiting = slot.carrier(new AbortController().signal)
  slot.retire(false)
  await expect(waiting).rejects.toMatchObject({ problems: [{ code: 'HOST_LOST' }] })
})

test('a reconnect is one that nobody asked for: a change is none, a loss is one', async () => {
  const { connect, made } = plainNetwork()
  const reconnect = { initialMs: 1, maxMs: 1, attempts: Number.POSITIVE_INFINITY }
  const slot = new HostSlot(host('acme', { reconnect }), null, connect, () => {})
  atEnd(() => slot.retire(true))
  const isServed = (count: number) => made.length === count && slot.current?.carrier === made.at(-1)!.carrier
  await eventually(() => isServed(1))
  slot.reopen(host('acme', { reconnect, user: 'other' }), null)
  await eventually(() => isServed(2))
  expect(slot.status().reconnects).toBe(0)
  made[1]!.lose()
  await eventually(() => isServed(3))
  expect(slot.status().reconnects).toBe(1)
  slot.reopen(host('acme', { reconnect }), null)
  await eventually(() => isServed(4))
  expect(slot.status().reconnects).toBe(1)
})

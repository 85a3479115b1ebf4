import { expect, test } from 'vitest'
import { HostSlot } from '../../src/reconcile/host-slot.ts'
import { atEnd } from '../helpers/cleanup.ts'
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

import { expect, test } from 'vitest'
import type { Carrier, RemoteListener } from '../../src/forward/carrier.ts'
import { HostSlot } from '../../src/reconcile/host-slot.ts'
import { Prompts } from '../../src/reconcile/prompts.ts'
import { RemoteBinding } from '../../src/reconcile/remote-binding.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { host, remote } from '../plan/wanted.ts'

/** A server that takes its time: it answers when the test says so. */
function slowServer() {
  const asked: ((listener: RemoteListener) => void)[] = []
  const closed: string[] = []
  const end = new AbortController()
  const carrier: Carrier = {
    closed: end.signal,
    rttMs: null,
    warning: null,
    update() {},
    close: () => end.abort(new Error('closed')),
    dial: () => Promise.reject(new Error('nobody dials')),
    listen: () => new Promise((resolve) => asked.push(resolve)),
  }
  const answer = () =>
    asked.shift()?.({ address: '*:7000', port: 7000, close: async () => void closed.push('7000') })
  return { carrier, asked, answer, closed }
}

test('what is closed while the server is asked stays closed, and the server is told', async () => {
  const { carrier, asked, answer, closed } = slowServer()
  const surroundings = { connect: async () => carrier, onChange() {}, prompts: new Prompts() }
  const slot = new HostSlot(host('acme'), null, surroundings)
  atEnd(() => slot.retire(true))
  const endpoint = { key: 'k', forward: 'hook', local: null, remote: 'acme 7000', properties: '' }
  const owner = { name: 'hook', handle() {}, bindingChanged() {} }
  const binding = new RemoteBinding(endpoint, remote('hook', 7000), slot, owner)
  await binding.open()
  await eventually(() => asked.length === 1)
  const closing = binding.close()
  answer()
  await closing
  expect(closed).toEqual(['7000'])
  expect(binding).toMatchObject({ state: 'closed', shown: null })
})

import { afterEach, expect, test, vi } from 'vitest'
import { LocalBinding } from '../../src/reconcile/local-binding.ts'
import { startSink } from '../helpers/servers.ts'

afterEach(() => vi.useRealTimers())

test('a taken port is waited for once, however often it was asked for meanwhile', async () => {
  const { port } = await startSink()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const local = { kind: 'tcp', host: '127.0.0.1', port } as const
  const endpoint = { key: 'k', forward: 'web', local, remote: null, properties: '' }
  const owner = { name: 'web', handle() {}, bindingChanged() {} }
  const binding = new LocalBinding(endpoint, { mode: 0o600, replace: true }, owner)
  await Promise.all([binding.open(), binding.open(), binding.open()])
  expect(binding).toMatchObject({ state: 'retrying', problem: { code: 'PORT_IN_USE' } })
  expect(vi.getTimerCount()).toBe(1)
  await binding.close()
  expect(vi.getTimerCount()).toBe(0)
})

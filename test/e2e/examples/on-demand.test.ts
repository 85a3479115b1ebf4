// The example that connects when somebody comes.

import { expect, test } from 'vitest'
import { exchange } from '../../helpers/clients.ts'
import { example } from '../../helpers/example.ts'
import { freePort } from '../../helpers/ports.ts'
import { startEcho } from '../../helpers/servers.ts'
import { startSshd } from '../../helpers/sshd.ts'

test('23: the port listens, and the first connection to it has the host connected', async () => {
  const [sshd, echo, local] = await Promise.all([startSshd(), startEcho(), freePort()])
  const forwards = { warehouse: { local, to: `127.0.0.1:${echo.port}` } }
  const tunnels = example('23-on-demand.yaml', { sshd, host: 'reports', forwards })
  await tunnels.up()
  const before = await tunnels.status()
  expect([before.hosts[0]!.state, before.forwards[0]!.state]).toEqual(['idle', 'idle'])
  expect((await tunnels.run(['status', '--check'])).code).toBe(0)
  expect(sshd.connections()).toBe(0)
  expect((await exchange(local, 'first')).toString()).toBe('first')
  expect((await tunnels.status()).forwards[0]!.state).toBe('open')
  expect((await exchange(local, 'second')).toString()).toBe('second')
  expect(sshd.connections()).toBe(1)
})

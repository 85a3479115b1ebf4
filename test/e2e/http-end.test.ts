// `up --http`: what Kubernetes and Prometheus ask for, on a TCP address.

import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { atEnd } from '../helpers/cleanup.ts'
import { curl } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePorts } from '../helpers/ports.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { projectVia } from './project-via.ts'

test('health and metrics are served where it says, and follow what is true', async () => {
  const [sshd, [http, other, local, port]] = await Promise.all([startSshd(), freePorts(4)])
  const healthcheck = { type: 'connect', interval: '100ms', retries: 1 }
  const tunnels = projectVia(sshd, { web: { local, to: port, healthcheck } })
  const ask = async (path: string, at = http, ...more: string[]) => {
    const url = `http://127.0.0.1:${at}${path}`
    const { stdout } = await curl('-w', '\n%{http_code}', ...more, url)
    return stdout.split('\n').at(-1)
  }
  await tunnels.up(['--http', String(http)])
  await eventually(async () => expect(await ask('/readyz')).toBe('503'))
  expect(await ask('/healthz')).toBe('200')
  const echo = await startEcho({ port: port! })
  await eventually(async () => expect(await ask('/readyz')).toBe('200'))
  const { stdout } = await curl(`http://127.0.0.1:${http}/metrics`)
  expect(stdout).toMatch(/^tunnels_forward_healthy\{.*forward="web"\} 1$/m)
  const refused = ['/', '/v1/status', '/v1/down', '/metrics/']
  expect(await Promise.all(refused.map((path) => ask(path)))).toEqual(refused.map(() => '404'))
  expect(await ask('/readyz', http, '-X', 'POST')).toBe('405')
  expect(await ask('/metrics', http, '-H', 'Origin: http://evil.example')).toBe('403')

  // A port that is taken changes nothing; another one is moved to, and `up` without it leaves it there.
  expect((await tunnels.run(['up', '-d', '--http', String(echo.port)])).stderr).toContain('PORT_IN_USE')
  expect(await ask('/healthz')).toBe('200')
  await tunnels.up(['--http', `127.0.0.1:${other}`])
  await tunnels.up()
  expect([await ask('/healthz'), await ask('/healthz', other)]).toEqual(['000', '200'])
  expect((await tunnels.status()).supervisor.http).toEqual([`127.0.0.1:${other}`])

  // Who asks for nothing holds up no end.
  const idle = connect(other!, '127.0.0.1')
  atEnd(() => void idle.destroy())
  await once(idle, 'connect')
  await tunnels.down()
  expect(await ask('/healthz', other)).toBe('000')

  const taken = await tunnels.run(['up', '-d', '--http', String(echo.port)])
  expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining('PORT_IN_USE') })
  expect((await tunnels.run(['status'])).code).toBe(3)
  expect((await tunnels.run(['up', '--http', 'nowhere'])).code).toBe(2)
})

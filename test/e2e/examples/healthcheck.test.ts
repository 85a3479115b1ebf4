// The example that asks what is behind its ports.

import { expect, test } from 'vitest'
import { example } from '../../helpers/example.ts'
import { freePorts } from '../../helpers/ports.ts'
import { startEcho, startHttp } from '../../helpers/servers.ts'
import { startSshd } from '../../helpers/sshd.ts'

/** As pg_isready(1): it connects to where it is told. */
const tool = `require('net').connect(process.argv[2], process.argv[1]).on('connect', () => process.exit(0))`

test('24: `up --wait` returns when each check has passed', async () => {
  const [sshd, web, echo, ports] = await Promise.all([startSshd(), startHttp(), startEcho(), freePorts(3)])
  const [shop, postgres, redis] = ports
  const command = [process.execPath, '-e', tool, '{host}', '{port}']
  const tunnels = example('24-healthcheck.yaml', {
    sshd,
    forwards: {
      shop: { local: shop, to: web.port },
      postgres: { local: postgres, to: echo.port, healthcheck: { command } },
      redis: { local: redis, to: echo.port },
    },
  })
  expect((await tunnels.run(['up', '--wait'])).code).toBe(4)
  expect((await tunnels.run(['up', '--wait', '--trust'])).code).toBe(0)
  const { forwards } = await tunnels.status()
  expect(forwards.map(({ health }) => health)).toEqual(['healthy', 'healthy', 'healthy'])
  expect(web.requests.map(({ url, headers }) => [url, headers.host])).toContainEqual([
    '/healthz',
    `localhost:${web.port}`,
  ])
  expect((await tunnels.run(['status', '--check'])).code).toBe(0)
})

// A port under 1024 as a user who may not have it: one forward fails with the remedy, the other one works.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { failureOf, fetchText } from '../../helpers/clients.ts'
import { example } from '../../helpers/example.ts'
import { freePort } from '../../helpers/ports.ts'
import { startHttp } from '../../helpers/servers.ts'
import { startSshd } from '../../helpers/sshd.ts'

const PORT = 919
const START = '/proc/sys/net/ipv4/ip_unprivileged_port_start'

/** macOS lets everybody have these ports, and so do some containers. */
const isForbidden = process.platform === 'linux' && Number(readFileSync(START, 'utf8')) > PORT
/** Root without its right to bind them is as good as an ordinary user. */
const asNobody =
  process.getuid?.() === 0
    ? ['setpriv', '--bounding-set=-net_bind_service', '--inh-caps=-net_bind_service']
    : []

test.runIf(isForbidden)('08: a privileged port is a clear problem', async () => {
  const [sshd, web, local] = await Promise.all([startSshd(), startHttp(() => 'ordinary'), freePort()])
  const to = `127.0.0.1:${web.port}`
  const forwards = { privileged: { local: PORT, to }, ordinary: { local, to } }
  const tunnels = example('08-privileged-ports.yaml', { sshd, forwards })
  const up = await tunnels.run(['up', '-d'], { prefix: asNobody })
  expect(up.code).toBe(1)
  expect(up.stderr).toMatch(/privileged/)
  expect(up.stdout + up.stderr).not.toMatch(/EACCES/)
  const [privileged] = (await tunnels.status()).forwards
  expect(privileged).toMatchObject({
    name: 'privileged',
    state: 'failed',
    problem: { code: 'LISTEN_FORBIDDEN' },
  })
  expect(privileged!.problem!.hint).toBeTruthy()
  expect(await fetchText(local)).toBe('ordinary')
})

test.runIf(process.getuid?.() === 0)('08: root may have it', async () => {
  const [sshd, web, local] = await Promise.all([startSshd(), startHttp(() => 'privileged'), freePort()])
  const to = `127.0.0.1:${web.port}`
  const forwards = { privileged: { local: PORT + 1, to }, ordinary: { local, to } }
  const tunnels = example('08-privileged-ports.yaml', { sshd, forwards })
  await tunnels.up()
  expect(await fetchText(PORT + 1)).toBe('privileged')
  await tunnels.down()
  expect(await failureOf(PORT + 1)).toBe('ECONNREFUSED')
})

// The examples that speak SOCKS, asked by curl.

import { expect, test } from 'vitest'
import { curl } from '../../helpers/clients.ts'
import { eventually } from '../../helpers/eventually.ts'
import { example } from '../../helpers/example.ts'
import { freePort } from '../../helpers/ports.ts'
import { startHttp } from '../../helpers/servers.ts'
import { startSshd } from '../../helpers/sshd.ts'

const MODES = ['--socks4', '--socks4a', '--socks5', '--socks5-hostname']

test.each(MODES)('17: curl %s leaves through the host', async (mode) => {
  const [sshd, web, dynamic] = await Promise.all([startSshd(), startHttp(() => 'through SOCKS'), freePort()])
  const tunnels = example('17-socks.yaml', { sshd, forwards: { browse: { dynamic } } })
  await tunnels.up()
  const got = await curl(mode, `127.0.0.1:${dynamic}`, `http://localhost:${web.port}/`)
  expect(got).toEqual({ code: 0, stdout: 'through SOCKS' })
})

test.each(MODES)('18: curl %s on the host leaves from here, where that is allowed', async (mode) => {
  const [sshd, web, other, remote] = await Promise.all([
    startSshd(),
    startHttp(() => 'lent'),
    startHttp(() => 'kept'),
    freePort(),
  ])
  const lend = { remote, allow_to: [`localhost:${web.port}`, `127.0.0.1:${web.port}`] }
  const tunnels = example('18-remote-socks.yaml', { sshd, forwards: { lend } })
  await tunnels.up()
  const ask = (port: number) => curl(mode, `127.0.0.1:${remote}`, `http://localhost:${port}/`)
  expect(await ask(web.port)).toEqual({ code: 0, stdout: 'lent' })
  expect((await ask(other.port)).code).not.toBe(0)
  expect(other.connections()).toBe(0)
  await eventually(async () => {
    expect((await tunnels.status()).forwards[0]!.connections).toMatchObject({ total: 2, refused: 1 })
  })
})

// An edit of a host that cannot be connected to: what runs goes on, and everybody who asks is told over what.

import { expect, test } from 'vitest'
import { hostYaml, project } from '../helpers/cli.ts'
import { freePort } from '../helpers/ports.ts'
import { startSshd } from '../helpers/sshd.ts'
import { probe, startNamedEcho } from './streams.ts'
import { controlOf, fileOf, statusWhen } from './watched-project.ts'

test('up -d names the connection that serves and what keeps the new one, status too, and the plan is empty', async () => {
  const sshd = await startSshd()
  const [port, nobody, echo] = [await freePort(), await freePort(), await startNamedEcho('one')]
  const web = { via: 'acme', local: port, to: `127.0.0.1:${echo.port}` }
  const yaml = (more = {}) => fileOf({ acme: hostYaml(sshd, more) }, { web })
  const cli = project({ 'tunnels.yaml': yaml() })
  await cli.up(['--no-watch'])
  const [served, tried] = [sshd.port, nobody].map((each) => `${sshd.user}@127.0.0.1:${each}`)

  cli.write('tunnels.yaml', yaml({ port: nobody }))
  const up = await cli.run(['up', '-d', '--trust'])
  expect(up.code, up.stderr).toBe(1)
  expect(up.stderr).toContain(`acme still goes through ${served}: `)
  expect(up.stderr).toContain('web')
  expect(await probe(port)).toBe('one')

  const { hosts } = await cli.status()
  expect(hosts).toMatchObject([
    { endpoint: served, state: 'open', next: { endpoint: tried }, problem: { code: 'HOST_UNREACHABLE' } },
  ])
  expect((await cli.run(['status'])).stdout).toContain(`acme goes through ${tried} once that is connected`)
  expect((await cli.run(['status', '--check'])).code).toBe(0)
  expect((await cli.run(['plan', '--detailed-exitcode'])).code).toBe(0)

  cli.write('tunnels.yaml', yaml())
  await cli.up()
  const control = await controlOf(cli)
  await statusWhen(control, (status) => status.hosts.every(({ next, problem }) => !next && !problem))
  expect(await probe(port)).toBe('one')
})

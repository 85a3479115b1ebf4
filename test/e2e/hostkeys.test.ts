// `tunnels hostkeys`: what it prints can be pasted, and means what the file it came from, or the server, meant.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { freePort } from '../helpers/ports.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { expectSchema } from './json-schemas.ts'

const bare = (line: string) => line.split(' ').slice(0, 2).join(' ')

/** A host that the file pins nothing of; its keys stand in the user's known_hosts where they are given. */
async function known(sshd: Sshd, text: string, more: Record<string, unknown> = {}): Promise<CliProject> {
  const port = await freePort()
  const cli = project({
    'tunnels.yaml': `hosts:\n  acme: ${hostYaml(sshd, { host_keys: undefined, ...more })}\nforwards:\n  a: { via: acme, local: "127.0.0.1:${port}", to: 1 }\n`,
  })
  mkdirSync(join(cli.env.HOME!, '.ssh'), { mode: 0o700 })
  writeFileSync(join(cli.env.HOME!, '.ssh/known_hosts'), text)
  return cli
}

test('from known_hosts: each key with its line, as a block that pins the host', async () => {
  const sshd = await startSshd({ hostKeys: ['ed25519', 'rsa'] })
  const cli = await known(sshd, `# mine\n${readFileSync(sshd.knownHostsFile, 'utf8')}`)
  const { code, stdout, stderr } = await cli.run(['hostkeys'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(parse(stdout)).toEqual({ hosts: { acme: { host_keys: sshd.hostPublicKeys.map(bare) } } })
  expect(stdout).toContain(`# ${sshd.hostKeyFingerprint}, ${join(cli.env.HOME!, '.ssh/known_hosts')}:2\n`)
  expect(sshd.connections()).toBe(0)
  const pasted = await known(sshd, '', { host_keys: parse(stdout).hosts.acme.host_keys })
  await pasted.up()
})

test('where known_hosts has none: nothing on stdout, and the way to ask the server', async () => {
  const sshd = await startSshd()
  const cli = await known(sshd, '')
  const { code, stdout, stderr } = await cli.run(['hostkeys', 'acme'])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain('tunnels hostkeys --scan')
  expect((await cli.run(['hostkeys', 'acne'])).stderr).toContain('Did you mean acme?')
})

test('--scan: every kind that the server has, without a login, and nobody vouches for it', async () => {
  const sshd = await startSshd({ hostKeys: ['ed25519', 'rsa', 'ecdsa'] })
  const cli = await known(sshd, '')
  const { code, stdout, stderr } = await cli.run(['hostkeys', '--scan'])
  expect(code).toBe(0)
  expect(parse(stdout).hosts.acme.host_keys.toSorted()).toEqual(sshd.hostPublicKeys.map(bare).toSorted())
  expect(stderr).toContain('Nobody vouches for these keys')
  expect(sshd.log()).not.toMatch(/userauth|publickey|Failed|Accepted/)
})

test('--scan of a host behind another one asks it through a login there', async () => {
  const [gate, inner, port] = await Promise.all([startSshd(), startSshd(), freePort()])
  const cli = project({
    'tunnels.yaml': `hosts:
  gate: ${hostYaml(gate, { strict_host_key_checking: 'accept-new' })}
  db: ${hostYaml(inner, { host_keys: undefined, proxy_jump: 'gate' })}
forwards:
  a: { via: db, local: "127.0.0.1:${port}", to: 1 }
`,
  })
  expect((await cli.run(['hostkeys', '--scan', 'db'])).code).toBe(4)
  expect(gate.connections()).toBe(0)
  const { code, stdout } = await cli.run(['hostkeys', '--scan', '--trust', 'db', '--json'])
  expect(code).toBe(0)
  const answer = JSON.parse(stdout)
  expectSchema('hostkeys', answer)
  const { vouched, hosts } = answer
  expect(vouched).toBe(false)
  expect(hosts).toEqual([
    {
      name: 'db',
      hostname: '127.0.0.1',
      port: inner.port,
      user: inner.user,
      keys: [
        {
          type: 'ssh-ed25519',
          fingerprint: inner.hostKeyFingerprint,
          line: bare(inner.hostPublicKeys[0]!),
          at: null,
        },
      ],
      problem: null,
    },
  ])
  expect(inner.logins()).toBe(0)
  expect(inner.log()).not.toMatch(/Failed|Accepted/)
})

test('--scan goes nowhere that waits for trust; known_hosts may be looked into', async () => {
  const sshd = await startSshd()
  const cli = await known(sshd, readFileSync(sshd.knownHostsFile, 'utf8'), { strict_host_key_checking: 'no' })
  const { code, stderr } = await cli.run(['hostkeys', '--scan'])
  expect(code).toBe(4)
  expect(stderr).toContain('UNTRUSTED')
  expect(sshd.connections()).toBe(0)
  expect((await cli.run(['hostkeys'])).code).toBe(0)
})

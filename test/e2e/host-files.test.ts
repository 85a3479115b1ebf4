// Keys and known hosts that change while a project runs: who rests because of them is woken, nobody else notices.

import { appendFileSync, copyFileSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { beforeEach, expect, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePorts } from '../helpers/ports.ts'
import { makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'
import { certify, newKey } from '../ssh/keys.ts'

let sshd: Sshd
let cli: CliProject

/** One host that is open, and one of its own kind beside it. */
async function up(resting: Record<string, unknown>): Promise<void> {
  const [first, second] = await freePorts(2)
  const hosts = `  well: ${hostYaml(sshd)}\n  resting: ${hostYaml(sshd, resting)}\n`
  const forwards = `  one: -D ${first} well\n  two: -D ${second} resting\n`
  cli.write('tunnels.yaml', `hosts:\n${hosts}forwards:\n${forwards}`)
  await cli.run(['up', '-d', '--trust'])
}

async function hostNamed(name: string) {
  return (await cli.status()).hosts.find((host) => host.name === name)!
}

const refused = () => sshd.log().match(/Connection closed by authenticating user/g)?.length ?? 0

beforeEach(async () => {
  sshd = await startSshd()
  cli = project({})
})

test('a refused key that is replaced, in whatever way, is tried again; known hosts are not its business', async () => {
  await makeKey(`${cli.folder}/key`, 'ed25519')
  cli.write('known_hosts', '')
  await up({ identity_file: './key', user_known_hosts_file: './known_hosts' })
  expect(await hostNamed('resting')).toMatchObject({ state: 'failed', problem: { code: 'AUTH_FAILED' } })
  const [attempts, { since }] = [sshd.connections(), await hostNamed('well')]

  appendFileSync(`${cli.folder}/known_hosts`, '# somebody else was here\n')
  utimesSync(sshd.identityFile, new Date(), new Date())
  // The key comes after it, so whatever the other files did is over when it is seen.
  copyFileSync(sshd.identityFile, `${cli.folder}/key.new`)
  copyFileSync(`${sshd.identityFile}.pub`, `${cli.folder}/key.pub`)
  renameSync(`${cli.folder}/key.new`, `${cli.folder}/key`)
  await eventually(async () => expect(await hostNamed('resting')).toMatchObject({ state: 'open' }))
  expect(await hostNamed('well')).toMatchObject({ since, reconnects: 0 })
  expect(sshd.connections() - attempts).toBeLessThanOrEqual(2)
  expect(refused()).toBeLessThanOrEqual(2)
})

test('a certificate that has expired and is renewed is taken, without anybody who asks for it', async () => {
  const [authority, key] = await Promise.all([newKey(), newKey()])
  sshd = await startSshd({ config: [`TrustedUserCAKeys ${authority.path}.pub`] })
  await certify(authority, key, sshd.user, '-V', '20200101:20200102')
  await up({ identity_file: key.path })
  expect(await hostNamed('resting')).toMatchObject({
    state: 'failed',
    problem: { detail: expect.stringContaining('was valid until 2020-01-0') },
  })
  await certify(authority, key, sshd.user, '-V', '+1d')
  await eventually(async () => expect(await hostNamed('resting')).toMatchObject({ state: 'open' }))
})

test('an unknown host key that is written into known_hosts is taken; a folder for it may come later', async () => {
  await up({
    host_keys: undefined,
    user_known_hosts_file: './later/known_hosts',
    global_known_hosts_file: './none',
  })
  expect(await hostNamed('resting')).toMatchObject({ problem: { code: 'HOST_KEY_UNKNOWN' } })
  cli.write('later/known_hosts', readFileSync(sshd.knownHostsFile, 'utf8'))
  await eventually(async () => expect(await hostNamed('resting')).toMatchObject({ state: 'open' }))
})

test('a changed host key that is mended in known_hosts is taken', async () => {
  const other = await startSshd()
  const name = `[127.0.0.1]:${sshd.port}`
  cli.write('known_hosts', `${name} ${other.hostPublicKeys[0]}\n`)
  await up({
    host_keys: undefined,
    user_known_hosts_file: './known_hosts',
    global_known_hosts_file: './none',
  })
  expect(await hostNamed('resting')).toMatchObject({ state: 'failed', problem: { code: 'HOST_KEY_CHANGED' } })
  writeFileSync(`${cli.folder}/known_hosts`, `${name} ${sshd.hostPublicKeys[0]}\n`)
  await eventually(async () => expect(await hostNamed('resting')).toMatchObject({ state: 'open' }))
})

test('a host that is open stays open, whatever becomes of its files', async () => {
  await makeKey(`${cli.folder}/stranger`, 'ed25519')
  copyFileSync(sshd.identityFile, `${cli.folder}/key`)
  await up({ identity_file: './key' })
  const { since } = await hostNamed('resting')
  const logins = sshd.logins()
  copyFileSync(`${cli.folder}/stranger`, `${cli.folder}/key`)
  const next = await freePorts(1)
  appendFileSync(`${cli.folder}/tunnels.yaml`, `  three: -D ${next[0]} resting\n`)
  await eventually(async () => expect((await cli.status()).forwards).toHaveLength(3))
  expect(await hostNamed('resting')).toMatchObject({ state: 'open', since, reconnects: 0 })
  expect(sshd.logins()).toBe(logins)
})

// A project of which only the user's ssh configuration knows the hosts, against a real server: what one would type after
// ssh is all that the file says.

import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { exchange } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { processesWith } from '../helpers/processes.ts'
import { startEcho } from '../helpers/servers.ts'
import { makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'
import { expectSchema } from './json-schemas.ts'

let sshd: Sshd
let cli: CliProject

beforeEach(async () => {
  sshd = await startSshd()
  cli = project({})
})

/** A block of ssh_config that is this server, as the file's owner would write it. */
function block(names: string, ...more: string[]): string {
  const lines = [
    'HostName 127.0.0.1',
    `Port ${sshd.port}`,
    `User ${sshd.user}`,
    `IdentityFile ${sshd.identityFile}`,
    'IdentitiesOnly yes',
    `UserKnownHostsFile ${sshd.knownHostsFile}`,
    ...more,
  ]
  return `Host ${names}\n${lines.map((line) => `  ${line}\n`).join('')}`
}

function writeConfig(text: string): void {
  cli.write('.home/.ssh/config', text)
}

async function hostNamed(name: string) {
  return (await cli.status()).hosts.find((host) => host.name === name)!
}

test('one line is enough for a host that ~/.ssh/config knows', async () => {
  const [echo, port] = [await startEcho(), await freePort()]
  cli.write('.home/.ssh/conf.d/team.conf', block('acme'))
  writeConfig(`Include ${cli.folder}/.home/.ssh/conf.d/*.conf\nRevokedHostKeys /r\n`)
  cli.write('tunnels.yaml', `forwards:\n  web: -L ${port}:127.0.0.1:${echo.port} acme\n`)
  expect((await cli.run(['plan'])).stderr).toContain('sets RevokedHostKeys for acme')
  await cli.up()
  expect((await exchange(port, 'hello')).toString()).toBe('hello')
  expect(await hostNamed('acme')).toMatchObject({
    endpoint: `${sshd.user}@127.0.0.1:${sshd.port}`,
    state: 'open',
  })
  expect((await cli.run(['plan'])).stdout).toBe('Nothing to change\n')
})

test('Ctrl-C while ssh is asked leaves no process, and no copy of what it was asked', async () => {
  const [echo, port] = [await startEcho(), await freePort()]
  const hang = cli.write('hang', '')
  const temporary = dirname(cli.write('tmp/.keep', ''))
  cli.write('ssh_config', `Match exec "test ! -s ${hang} || sleep 1000"\n${block('acme')}`)
  const forward = `-F ./ssh_config -L ${port}:127.0.0.1:${echo.port} acme`
  cli.write('tunnels.yaml', `forwards: { web: "${forward}" }\n`)
  const env = { TMPDIR: temporary }
  await cli.up([], { env })
  await cli.down()
  cli.write('hang', 'now')
  const asking = cli.start(['plan'], { env })
  await eventually(() => processesWith(cli.folder).some(({ command }) => command.includes('sleep 1000')))
  expect(readdirSync(temporary)).toHaveLength(2)
  asking.signal('SIGINT')
  expect((await asking.ended).code).toBeNull()
  await eventually(() => processesWith(cli.folder).length === 0)
  expect(readdirSync(temporary)).toEqual(['.keep'])
})

test('a ProxyJump over two hops is gone through hop by hop, each with its own settings', async () => {
  const [echo, port] = [await startEcho(), await freePort()]
  writeConfig([block('db', 'ProxyJump inner'), block('inner', 'ProxyJump outer'), block('outer')].join(''))
  cli.write('tunnels.yaml', `forwards:\n  db: -L ${port}:127.0.0.1:${echo.port} db\n`)
  await cli.up()
  expect((await exchange(port, 'through three')).toString()).toBe('through three')
  const { hosts } = await cli.status()
  expect(hosts.map(({ name, state }) => [name, state])).toEqual(
    expect.arrayContaining(['outer', 'inner', 'db'].map((name) => [name, 'open'])),
  )
  expect(sshd.logins()).toBe(3)
})

test('variables that the ssh configuration mentions reach a supervisor in the background', async () => {
  const port = await freePort()
  const key = sshd.identityFile.replace(sshd.folder, '${MY_KEYS}')
  cli.write('.home/.ssh/conf.d/team', block('acme').replace(sshd.identityFile, key))
  writeConfig(`Include "~/.ssh/conf.d/*"\nInclude ${cli.folder}/.home/.ssh/conf.d/*\n`)
  cli.write('tunnels.yaml', `forwards:\n  web: -D ${port} acme\n`)
  const { stderr } = await cli.run(['up', '-d'])
  expect(stderr).toContain('${MY_KEYS}, which is not known here')
  await cli.up([], { env: { MY_KEYS: sshd.folder } })
  expect(await hostNamed('acme')).toMatchObject({ state: 'open' })
})

test('ssh_config: false reads none of it, and without ssh the file alone counts', async () => {
  writeConfig(block('acme'))
  const port = await freePort()
  cli.write(
    'tunnels.yaml',
    `hosts: { acme: { ssh_config: false } }\nforwards: { web: { via: acme, dynamic: ${port} } }\n`,
  )
  const aside = JSON.parse((await cli.run(['config', '--origin', '--json'])).stdout)
  expect(aside.hosts.acme.hostname).toEqual({ value: 'acme', origin: { from: 'default' } })

  cli.write(
    'tunnels.yaml',
    `hosts: { acme: ${hostYaml(sshd, { ssh_config: true })} }\nforwards: { web: { via: acme, dynamic: ${port} } }\n`,
  )
  const said = 'There is no ssh on PATH: your ssh configuration is not read, the file alone counts'
  const first = await cli.up([], { env: { PATH: '/nowhere' } })
  expect(first.stderr.split(said)).toHaveLength(2)
  const { config, hosts } = await cli.status()
  expect(hosts).toMatchObject([{ name: 'acme', state: 'open' }])
  expect(config.problems.map(({ summary }) => summary)).toEqual([said])
})

test('an edit of the ssh configuration wakes a host that it mends, and leaves one that is open alone', async () => {
  const [first, second] = await freePorts(2)
  await makeKey(`${cli.folder}/wrong`, 'ed25519')
  const well = block('well')
  writeConfig(`${well}${block('resting').replace(sshd.identityFile, `${cli.folder}/wrong`)}`)
  cli.write('tunnels.yaml', `forwards:\n  one: -D ${first} well\n  two: -D ${second} resting\n`)
  await cli.run(['up', '-d'])
  expect(await hostNamed('resting')).toMatchObject({ state: 'failed', problem: { code: 'AUTH_FAILED' } })
  const { since } = await hostNamed('well')

  writeConfig(`# mended\n${well}${block('resting')}`)
  await eventually(async () => expect(await hostNamed('resting')).toMatchObject({ state: 'open' }))
  expect(await hostNamed('well')).toMatchObject({ since, reconnects: 0, state: 'open' })

  // What ssh refuses changes nothing, and is said.
  writeConfig(`${well}${block('resting', 'Foo bar')}`)
  await eventually(async () =>
    expect((await cli.status()).config).toMatchObject({
      state: 'invalid',
      problems: [{ code: 'CONFIG_SSH' }],
    }),
  )
  writeConfig(`${well}${block('resting')}`)
  await eventually(async () => expect((await cli.status()).config.state).toBe('current'))
  expect(await hostNamed('well')).toMatchObject({ since, reconnects: 0, state: 'open' })
  expect(sshd.logins()).toBe(2)
})

test('config --origin says of each value where it comes from, and never a secret', async () => {
  writeConfig(`${block('acme', 'Compression yes')}Match host 127.0.0.1 user nobody9\n  ConnectTimeout 3\n`)
  const files = {
    'tunnels.yaml': [
      'defaults:',
      '  hosts: { server_alive_count_max: 5 }',
      'hosts:',
      '  acme:',
      '    server_alive_interval: ${INTERVAL:-30}',
      '    host_key_alias: ${ALIAS}',
      '    password_env: ACME_PASSWORD',
      'forwards:',
      '  web:',
      '    via: acme',
      '    local: 1025',
      '    to: 80',
      '',
    ],
    'tunnels.override.yaml': ['forwards:', '  web: { local: 1026 }', ''],
    '.env': ['ALIAS=cluster', 'ACME_PASSWORD=canary-of-a-secret', ''],
  }
  for (const [name, lines] of Object.entries(files)) cli.write(name, lines.join('\n'))
  const json = await cli.run(['config', '--origin', '--json'], { env: { INTERVAL: '20' } })
  const { hosts, forwards } = JSON.parse(json.stdout)
  expectSchema('origins', JSON.parse(json.stdout))
  const config = `${cli.folder}/.home/.ssh/config`
  const inFile = (line: number, column: number) => ({
    from: 'file',
    file: `${cli.folder}/tunnels.yaml`,
    line,
    column,
  })
  const ofSsh = { from: 'ssh_config', files: [config] }
  expect(hosts.acme).toMatchObject({
    hostname: { value: '127.0.0.1', origin: ofSsh },
    port: { value: sshd.port, origin: ofSsh },
    compression: { value: true, origin: ofSsh },
    server_alive_interval: {
      value: '20s',
      origin: { ...inFile(5, 28), variables: [{ name: 'INTERVAL', source: 'environment' }] },
    },
    host_key_alias: {
      value: 'cluster',
      origin: { ...inFile(6, 21), variables: [{ name: 'ALIAS', source: `${cli.folder}/.env` }] },
    },
    server_alive_count_max: {
      value: 5,
      origin: { ...inFile(2, 36), path: 'defaults.hosts.server_alive_count_max' },
    },
    address_family: { value: 'any', origin: { from: 'default' } },
    password_env: { value: 'ACME_PASSWORD', origin: inFile(7, 19) },
  })
  expect(hosts.acme.connect_timeout).toEqual({ value: '10s', origin: { from: 'default' } })
  expect(forwards.web).toMatchObject({
    local: { value: 1026, origin: { from: 'file', file: `${cli.folder}/tunnels.override.yaml`, line: 2 } },
    to: { value: 'localhost:80', origin: inFile(12, 9) },
    drain: { value: '10m', origin: { from: 'default' } },
  })
  const text = await cli.run(['config', '--origin'])
  expect(text.stdout).toMatch(/^ {4}server_alive_interval: 30s +# tunnels\.yaml:5$/m)
  expect(text.stdout).toMatch(/^ {4}hostname: "127\.0\.0\.1" +# ~\/\.ssh\/config$/m)
  expect(json.stdout + text.stdout + text.stderr).not.toContain('canary')
})

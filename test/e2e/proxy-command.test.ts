// Hosts that only a command leads to: `proxy_command` with the programs that people use, and what stays of them.

import { existsSync, readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { descendantsOf, isAlive } from '../helpers/processes.ts'
import { startEcho, type TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { converse, open, openBySocks, sha256, someBytes } from './bytes.ts'
import { forwardOf, forwardWhen } from './project-via.ts'

type Yaml = Record<string, unknown>

let [sshd, behind] = [] as Sshd[] as [Sshd, Sshd]
let echo: TestServer

beforeAll(async () => {
  ;[sshd, behind, echo] = await Promise.all([startSshd(), startSshd(), startEcho()])
})

function projectOf(hosts: Record<string, string>, forwards: Record<string, Yaml>): CliProject {
  const named = Object.entries(hosts).map(([name, host]) => `"${name}": ${host}`)
  return project({
    'tunnels.yaml': `{ "hosts": {${named}}, "forwards": ${JSON.stringify(forwards)} }`,
  })
}

async function expectToCarry(port: number, opening = open(port)): Promise<void> {
  const sent = someBytes(8_000_000, port)
  expect(sha256(await converse(await opening, sent))).toBe(sha256(sent))
}

const to = () => `127.0.0.1:${echo.port}`

/** ssh itself as the command, as many have it in their ssh_config. */
function sshThrough(server: Sshd): string {
  const options = [
    '-F none',
    `-i ${server.identityFile}`,
    `-o UserKnownHostsFile=${server.knownHostsFile}`,
    '-o BatchMode=yes',
    `-p ${server.port}`,
  ]
  return `ssh ${options.join(' ')} -W %h:%p ${server.user}@127.0.0.1`
}

test.each([
  ['nc', () => 'nc %h %p'],
  ['socat', () => 'socat - TCP:%h:%p'],
  ['ssh -W', () => sshThrough(behind)],
])('%s: L, R and D carry, and nothing stays after `down`', async (_name, command) => {
  const [l, r, d] = (await freePorts(3)) as [number, number, number]
  const cli = projectOf(
    { acme: hostYaml(sshd, { proxy_command: command() }) },
    {
      l: { via: 'acme', local: l, to: to() },
      r: { via: 'acme', remote: r, to: to() },
      d: { via: 'acme', dynamic: d },
    },
  )
  await cli.up()
  const { pid } = (await cli.status()).supervisor
  const children = descendantsOf(pid)
  expect(children.length).toBeGreaterThan(0)
  await expectToCarry(l)
  await expectToCarry(r)
  await expectToCarry(d, openBySocks(d, 5, { host: '127.0.0.1', port: echo.port }))
  await cli.down()
  await eventually(() => !children.some(isAlive))
})

test('a command may put its things in order at `down`; one that ignores it is gone by then', async () => {
  const folder = project({}).folder
  const careful = `trap "sleep 0.4; touch ${folder}/in-order; exit" TERM; exec 3<&0; nc %h %p <&3 & sleep 1000 & wait`
  const cli = projectOf(
    {
      careful: hostYaml(sshd, { proxy_command: `sh -c '${careful}'` }),
      stubborn: hostYaml(sshd, { proxy_command: `sh -c 'trap "" TERM; nc %h %p; sleep 1000'` }),
    },
    {
      l: { via: 'careful', local: await freePort(), to: to() },
      m: { via: 'stubborn', local: await freePort(), to: to() },
    },
  )
  await cli.up()
  const children = descendantsOf((await cli.status()).supervisor.pid)
  await cli.down()
  expect(existsSync(`${folder}/in-order`)).toBe(true)
  await eventually(() => !children.some(isAlive))
})

test('a supervisor that is killed leaves no command behind', async () => {
  const cli = projectOf(
    {
      acme: hostYaml(sshd, { proxy_command: 'nc %h %p' }),
      other: hostYaml(sshd, { proxy_command: sshThrough(behind) }),
    },
    {
      l: { via: 'acme', local: await freePort(), to: to() },
      m: { via: 'other', local: await freePort(), to: to() },
    },
  )
  await cli.up()
  const { pid } = (await cli.status()).supervisor
  const children = descendantsOf(pid)
  expect(children.length).toBeGreaterThanOrEqual(2)
  process.kill(pid, 'SIGKILL')
  await eventually(() => !children.some(isAlive))
})

test('a command that is killed is started again', async () => {
  const port = await freePort()
  const cli = projectOf(
    { acme: hostYaml(sshd, { proxy_command: 'nc %h %p', reconnect: { initial: '50ms', max: '200ms' } }) },
    { l: { via: 'acme', local: port, to: to() } },
  )
  await cli.up()
  const [child] = descendantsOf((await cli.status()).supervisor.pid, 1)
  process.kill(child!, 'SIGKILL')
  await eventually(async () => (await cli.status()).hosts[0]?.reconnects === 1)
  await forwardWhen(cli, 'l', ({ state }) => state === 'open')
  await expectToCarry(port)
})

test('a host with a command is a jump host like any other, and a hop behind another one needs none', async () => {
  const [a, b] = (await freePorts(2)) as [number, number]
  const folder = project({}).folder
  const cli = projectOf(
    {
      gate: hostYaml(sshd, { proxy_command: 'nc %h %p' }),
      deep: hostYaml(behind, { proxy_jump: 'gate' }),
      // Reached through gate, whatever it says of itself, as ssh -J has it.
      hop: hostYaml(behind, { proxy_command: `touch ${folder}/was-run` }),
      last: hostYaml(sshd, { proxy_jump: ['gate', 'hop'] }),
    },
    { a: { via: 'deep', local: a, to: to() }, b: { via: 'last', local: b, to: to() } },
  )
  await cli.up()
  await expectToCarry(a)
  await expectToCarry(b)
  expect(existsSync(`${folder}/was-run`)).toBe(false)
})

test('a command that fails is told with its last word, and tried again; a mended one comes up', async () => {
  const port = await freePort()
  const host = (proxy_command: string) =>
    hostYaml(sshd, { proxy_command, reconnect: { initial: '50ms', max: '200ms' } })
  const cli = projectOf(
    {
      acme: host('sh -c \'echo "\u001b]0;x\u0007 no route" >&2; exit 7\''.replaceAll(/[\u001b\u0007]/g, '?')),
    },
    { l: { via: 'acme', local: port, to: to() } },
  )
  const up = await cli.run(['up', '-d', '--trust'])
  expect(up.code).toBe(1)
  expect(up.stderr).toContain('The proxy_command of acme ended with exit status 7: ?]0;x? no route')
  expect(await forwardOf(cli, 'l')).toMatchObject({
    state: 'retrying',
    problem: { code: 'HOST_UNREACHABLE' },
  })
  cli.write(
    'tunnels.yaml',
    `{ "hosts": { "acme": ${host('nc %h %p')} }, "forwards": { "l": { "via": "acme", "local": ${port}, "to": "${to()}" } } }`,
  )
  // Another command is another matter of trust: it waits for somebody.
  await eventually(async () => (await cli.status()).config.state === 'untrusted')
  await cli.up()
  await forwardWhen(cli, 'l', ({ state }) => state === 'open')
  await expectToCarry(port)
})

test('from your own ssh configuration, without a word about it in the file', async () => {
  const port = await freePort()
  const { host_keys, identity_file, user, port: at } = JSON.parse(hostYaml(sshd)) as Record<string, unknown>
  const acme = { host_keys, identity_file, user }
  const forwards = { l: { via: 'acme', local: port, to: to() } }
  const cli = project({ 'tunnels.yaml': JSON.stringify({ hosts: { acme }, forwards }) })
  const seen = `${cli.folder}/seen`
  cli.write(
    '.home/.ssh/config',
    `Host acme\n  HostName db.invalid\n  Port ${at}\n  ProxyCommand sh -c 'echo %n %h %p %r >${seen}; exec nc 127.0.0.1 %p'\n`,
  )
  await cli.up()
  await expectToCarry(port)
  expect(readFileSync(seen, 'utf8')).toBe(`acme db.invalid ${at} ${user}\n`)
})

test('what stands in the file is the command; what hosts and users are called is none', async () => {
  const port = await freePort()
  const folder = project({})
  const cli = projectOf(
    {
      acme: hostYaml(sshd, {
        proxy_command: `sh -c 'echo "$$0 $$1 $$HOME" > ${folder.folder}/args; exec nc "$$0" "$$1"' %h %p`,
      }),
    },
    { l: { via: 'acme', local: port, to: to() } },
  )
  cli.write('.env', `SSH_ASKPASS=${folder.folder}/evil\nLANG=evil\nHOME=/evil\n`)
  await cli.up()
  expect(readFileSync(`${folder.folder}/args`, 'utf8')).toBe(`127.0.0.1 ${sshd.port} ${cli.env.HOME}\n`)
  const [child] = descendantsOf((await cli.status()).supervisor.pid, 1)
  expect(readFileSync(`/proc/${child}/environ`, 'utf8')).not.toContain('evil')
  await cli.down()
  for (const change of [
    { user: 'a;touch x' },
    { hostname: '$(touch x)' },
    { hostname: '-oProxyCommand=x' },
    { user: 'a\nb' },
  ]) {
    cli.write(
      'tunnels.yaml',
      `{ "hosts": { "acme": ${hostYaml(sshd, { proxy_command: 'nc %h %p %r', ...change })} }, "forwards": { "l": { "via": "acme", "local": ${port}, "to": 1 } } }`,
    )
    expect((await cli.run(['up', '-d', '--trust'])).code).toBe(2)
  }
  expect(existsSync(`${cli.folder}/x`)).toBe(false)
})

test('beside a jump, with an unknown token or on two lines it is refused where it stands; defaults give way', async () => {
  const cli = project({
    'tunnels.yaml': `
defaults: { hosts: { proxy_jump: gate } }
hosts:
  gate:
  both: { proxy_jump: gate, proxy_command: nc %h %p }
  token: { proxy_command: nc %h %d }
  lines: { proxy_command: "nc\\nreboot" }
  own: { proxy_command: nc %h %p }
  none: { proxy_command: none, proxy_jump: gate }
forwards:
  a: -L 1025:b:1 both
  b: -L 1026:b:1 token
  c: -L 1027:b:1 lines
  d: -L 1028:b:1 own
  e: -L 1029:b:1 none
`,
  })
  const { code, stdout } = await cli.run(['validate', '--json'])
  expect(code).toBe(2)
  const problems = (JSON.parse(stdout).problems as Yaml[]).map(({ code, path }) => `${code} ${path}`)
  expect(problems).toEqual([
    'CONFIG_CONFLICT hosts.both.proxy_command',
    'CONFIG_SCHEMA hosts.token.proxy_command',
    'CONFIG_SCHEMA hosts.lines.proxy_command',
  ])
})

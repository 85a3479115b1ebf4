// What of a file has to be agreed to before it is done: found after merging and interpolation, and named where it stands.

import { expect, test } from 'vitest'
import type { LoadOptions } from '../../src/config/load.ts'
import { load, loadWell } from './loading.ts'

/** `kind path: text`, of the whole file. */
async function parts(files: string | Record<string, string>, env: Record<string, string> = {}) {
  const { trust } = await loadWell(files, { env, profiles: ['*'] })
  return trust.map(({ kind, path, text }) => `${kind} ${path}: ${text}`)
}

const host = (text: string) => `hosts: { gw: ${text} }\nforwards: { web: { via: gw, local: 9000, to: 80 } }`
const forward = (text: string) => `forwards: { web: ${text} }`

test.each<[string, string[]]>([
  [host('{ proxy_command: "nc %h %p" }'), ['proxy_command hosts.gw.proxy_command: nc %h %p']],
  [host('{ ssh_config: /etc/gw.conf }'), ['ssh_config hosts.gw.ssh_config: /etc/gw.conf']],
  [
    host('{ identity_agent: /run/a.sock }'),
    ['identity_agent hosts.gw.identity_agent: /run/a.sock logs in to gw'],
  ],
  [
    host('{ user_known_hosts_file: [/a, /b], hostname: h, port: 22 }'),
    ['known_hosts hosts.gw.user_known_hosts_file: /a /b'],
  ],
  [
    host('{ host_key_alias: cluster, hostname: h, port: 2222 }'),
    [
      'host_key_alias hosts.gw.host_key_alias: the keys that known_hosts has for cluster are believed of h:2222',
    ],
  ],
  [
    forward('-o HostKeyAlias=cluster -L 9000:x:80 a'),
    ['host_key_alias hosts.a.host_key_alias: the keys that known_hosts has for cluster are believed of a'],
  ],
  [
    host('{ strict_host_key_checking: accept-new, ssh_config: false }'),
    [
      'strict_host_key_checking hosts.gw.strict_host_key_checking: accept-new for gw, without your ssh configuration',
    ],
  ],
  [
    host('{ strict_host_key_checking: no, hostname: h }'),
    ['strict_host_key_checking hosts.gw.strict_host_key_checking: no for h'],
  ],
  [host('{ global_known_hosts_file: /a }'), ['known_hosts hosts.gw.global_known_hosts_file: /a']],
  [
    forward('{ via: a, local: "*:9000", to: 80 }'),
    ['wildcard forwards.web.local: *:9000 here leads to localhost:80 of a'],
  ],
  [
    forward('{ via: a, dynamic: "0.0.0.0:9000", allow_to: ["*:443"] }'),
    ['wildcard forwards.web.dynamic: 0.0.0.0:9000 here leads to whatever a reaches, of that *:443 only'],
  ],
  [
    forward('{ via: a, local: "[0:0::0]:9000", to: 80 }'),
    ['wildcard forwards.web.local: [0:0::0]:9000 here leads to localhost:80 of a'],
  ],
  [
    forward('{ via: a, local: "[::ffff:0.0.0.0]:9000", to: 80 }'),
    ['wildcard forwards.web.local: [::ffff:0.0.0.0]:9000 here leads to localhost:80 of a'],
  ],
  ...['10.0.0.1', '172.17.0.1', '[fd00::1]', '[::ffff:10.0.0.1]'].map((address): [string, string[]] => [
    forward(`{ via: a, local: "${address}:9000", to: 80 }`),
    [`wildcard forwards.web.local: ${address}:9000 here leads to localhost:80 of a`],
  ]),
  [forward('-g -L 9000:x:80 a'), ['wildcard forwards.web.local: *:9000 here leads to x:80 of a']],
  [
    forward('-R 9000:localhost:80 me@a:2222'),
    ['remote forwards.web.remote: 9000 on me@a:2222 leads to localhost:80 here'],
  ],
  [
    forward('{ via: a, remote: "*:9000", to: socks, allow_from: [7.7.7.7] }'),
    ['remote forwards.web.remote: *:9000 on a leads to whatever this machine reaches, for 7.7.7.7 only'],
  ],
  [
    forward('{ via: a, remote: "*:9000", to: 80, gateway: relay }'),
    [
      'remote forwards.web.remote: *:9000 on a leads to localhost:80 here',
      'gateway forwards.web.gateway: a relay on a takes whoever reaches *:9000 there',
    ],
  ],
  [forward('-o ProxyCommand=evil -L 9000:x:80 a'), ['proxy_command hosts.a.proxy_command: evil']],
  [forward('-F /evil -L 9000:x:80 a'), ['ssh_config hosts.a.ssh_config: /evil']],
  [
    forward('-o IdentityAgent=/evil -L 9000:x:80 a'),
    ['identity_agent hosts.a.identity_agent: /evil logs in to a'],
  ],
])('%s', async (text, expected) => {
  expect(await parts(text)).toEqual(expected)
})

test.each([
  [host('{ proxy_command: none, identity_agent: none, ssh_config: no, strict_host_key_checking: yes }')],
  [forward('{ via: a, local: 9000, to: 80 }')],
  [forward('{ via: a, local: "127.0.0.1:9000", to: 80 }')],
  [forward('{ via: a, local: "127.7.7.7:9000", to: 80 }')],
  [forward('{ via: a, local: "[0::1]:9000", to: 80 }')],
  [forward('{ via: a, local: "[::ffff:127.0.0.1]:9000", to: 80 }')],
  [forward("'-J b,c -L 9000:x:80 a'")],
])('nothing has to be agreed to in %s', async (text) => {
  expect(await parts(text)).toEqual([])
})

// Whoever agreed meant one server: with other keys, or at another address, it is somebody else.
test.each<[string, string]>([
  ['{ password_env: T }', 'sends what T holds to gw'],
  ['{ password_env: T, hostname: h, port: 22 }', 'sends what T holds to h:22'],
  [
    `{ password_env: T, hostname: h, host_keys: ["SHA256:${'a'.repeat(43)}"] }`,
    `sends what T holds to h, known by SHA256:${'a'.repeat(43)}`,
  ],
])('a password goes to one server: %s', async (text, expected) => {
  const [password] = await parts(host(text), { T: 'sekrit' })
  expect(password).toBe(`password_env hosts.gw.password_env: ${expected}`)
})

test.each<[string, string]>([
  ['{}', '9000 on gw leads to localhost:80 here'],
  ['me@h:2222', '9000 on gw (h:2222) leads to localhost:80 here'],
  [
    `{ hostname: h, host_keys: ["SHA256:${'a'.repeat(43)}"] }`,
    `9000 on gw (h, known by SHA256:${'a'.repeat(43)}) leads to localhost:80 here`,
  ],
])('this machine is opened to one server: %s', async (text, expected) => {
  const file = `hosts: { gw: ${text} }\nforwards: { web: { via: gw, remote: 9000, to: 80 } }`
  const remote = (await parts(file)).find((part) => part.startsWith('remote'))
  expect(remote).toBe(`remote forwards.web.remote: ${expected}`)
})

test('what a variable brings into the name of a server belongs to what is agreed to, and is not shown', async () => {
  const file = host('{ hostname: "${T}.evil", password_env: P }').replace('local: 9000', 'remote: 9000')
  const { trust } = await loadWell(file, { env: { T: 'sekrit', P: 'x' } })
  const shown = trust.map(({ kind, text, written }) => `${kind}: ${written ?? text}`)
  expect(shown).toEqual([
    'password_env: sends what P holds to ${T}.evil',
    'variable: ${T}.evil, with what T holds',
    'remote: 9000 on gw (${T}.evil) leads to localhost:80 here',
  ])
  expect(trust[2]!.text).toContain('sekrit.evil')
})

test('an override file and the defaults are the file, too', async () => {
  const files = {
    'tunnels.yaml': forward('{ via: a, local: 9000, to: 80 }'),
    'tunnels.override.yaml': 'hosts: { a: { proxy_command: evil } }',
  }
  expect(await parts(files)).toEqual(['proxy_command hosts.a.proxy_command: evil'])
  const defaults = `defaults: { hosts: { identity_agent: /evil }, forwards: { remote: 7000 } }
forwards: { web: { via: a, to: 80 } }`
  expect(await parts(defaults)).toEqual([
    'identity_agent hosts.a.identity_agent: /evil logs in to a',
    'identity_agent defaults.hosts.identity_agent: /evil logs in to hosts that only your ssh configuration names',
    'remote forwards.web.remote: 7000 on a leads to localhost:80 here',
  ])
})

test('a value that a variable brought counts as what it is, and the file says how it is written', async () => {
  const files = { 'tunnels.yaml': host('{ proxy_command: "nc ${WHERE} %p" }'), '.env': 'WHERE=evil' }
  const { trust } = await loadWell(files)
  expect(trust).toMatchObject([{ kind: 'proxy_command', text: 'nc evil %p', written: 'nc ${WHERE} %p' }])
  expect(trust[0]!.at).toMatchObject({ line: 1, column: 31 })
})

test('the command of a healthcheck is a part, as it will be run, and nothing else of a healthcheck is', async () => {
  const of = (healthcheck: string) =>
    load(forward(`{ via: acme, local: 9000, to: 80, healthcheck: ${healthcheck} }`), { env: { T: 'a b' } })
  const { project } = await of('{ type: command, command: [./check, "${T}", "{port}"], interval: 1s }')
  expect(project?.trust).toMatchObject([
    {
      kind: 'healthcheck',
      path: 'forwards.web.healthcheck.command',
      text: expect.stringMatching(/^"\/.*\/check" "a b" "\{port\}"$/),
      written: './check ${T} {port}',
    },
  ])
  expect((await of('{ type: http, path: /x }')).project?.trust).toEqual([])
})

test.each<[string, string[]]>([
  [host('{ hostname: "${T}.evil" }'), ['hosts.gw.hostname: ${T}.evil']],
  [host('{ bind_address: "${T}.evil" }'), ['hosts.gw.bind_address: ${T}.evil']],
  [host('"${T}@evil"'), ['hosts.gw.user: ${T}']],
  [host('{ proxy_jump: ["${T}@evil"] }'), ['hosts.gw.proxy_jump: ${T}@evil']],
  [host('{ proxy_jump: "${T}@evil" }'), ['hosts.gw.proxy_jump: ${T}@evil']],
  [forward('{ via: "${T}@evil", local: 9000, to: 80 }'), ['forwards.web.via: ${T}@evil']],
  [forward("'-L 9000:x:80 ${T}@evil'"), ['forwards.web.via: ${T}@evil']],
  [forward('{ via: a, local: 9000, to: "${T}:80" }'), ['forwards.web.to: ${T}:80']],
  [forward("'-L 9000:${T}:80 a'"), ['forwards.web.to: ${T}:80']],
  [
    forward('{ via: a, local: 9000, to: 80, http: { host_header: "${T}" } }'),
    ['forwards.web.http.host_header: ${T}'],
  ],
  [forward("'-L 9000:x:80 -l ${T} evil'"), ['forwards.web: ${T}']],
  [forward("'-L 9000:x:80 -J ${T}@evil acme'"), ['forwards.web: ${T}@evil']],
  [forward("'-L 9000:x:80 -o User=${T} evil'"), ['forwards.web: ${T}']],
  [host('{ hostname: "${NO:-${T}}.evil" }'), ['hosts.gw.hostname: ${NO:-${T}}.evil']],
  [host('{ hostname: "${T:-x}.evil" }'), ['hosts.gw.hostname: ${T:-x}.evil']],
])('a variable that reaches %s', async (text, expected) => {
  const { trust } = await loadWell(text, { env: { T: 'sekrit' } })
  const variables = trust.filter(({ kind }) => kind === 'variable')
  expect(variables.map(({ path, text }) => `${path}: ${text}`)).toEqual(
    expected.map((one) => `${one}, with what T holds`),
  )
  // Neither what is shown nor what is remembered holds the value.
  expect(JSON.stringify(variables)).not.toContain('sekrit')
})

test.each([
  ['{ via: a, local: 9000, to: "localhost:${T}" }', 0],
  ['{ via: a, local: 9000, to: "${T}" }', 0],
  ['{ via: a, local: "${T}", to: "[::1]:${T}" }', 0],
  ["'-L 9000:localhost:${T} a'", 0],
  ['{ via: a, local: 9000, to: "${T}:80" }', 1],
  ['{ via: a, local: 9000, to: "x${T}:${T}" }', 1],
])('a port is nobody’s secret: %s', async (text, count) => {
  const { trust } = await loadWell(forward(text), { env: { T: '5432' } })
  expect(trust.filter(({ kind }) => kind === 'variable')).toHaveLength(count)
})

test.each<[string, Partial<LoadOptions>]>([
  ['${T:-fine}.example.com', {}],
  ['${T-fine}.example.com', { env: { T: '' } }],
  ['${USER}.example.com', { env: { USER: 'me' } }],
  ['${XDG_SESSION_ID}.example.com', { env: { XDG_SESSION_ID: '7' } }],
  ['$$T.example.com', { env: { T: 'sekrit' } }],
])('%s has no variable that could be a secret', async (hostname, options) => {
  const { project } = await load(host(`{ hostname: "${hostname}" }`), options)
  expect(project?.trust ?? []).toEqual([])
})

test('.env counts: people keep secrets there, and it may pass on what the environment holds', async () => {
  const through = async (dotenv: string, hostname: string) => {
    const files = { 'tunnels.yaml': host(`{ hostname: "${hostname}" }`), '.env': dotenv }
    const { trust, variables } = await loadWell(files, { env: { TOKEN: 'sekrit', USER: 'me' } })
    return { texts: trust.map(({ text }) => text), variables }
  }
  expect((await through('A=db.local', '${A}')).texts).toEqual(['${A}, with what A holds'])
  const passed = await through('XDG_A=${TOKEN}.evil', '${XDG_A}')
  expect(passed.texts).toEqual(['${XDG_A}, with what TOKEN and XDG_A hold'])
  // A supervisor that was not told of it would read another host.
  expect(passed.variables).toContain('TOKEN')
  expect((await through('B=${TOKEN}\nA=${B}', '${A}')).texts).toEqual([
    '${A}, with what A and B and TOKEN hold',
  ])
  expect((await through('USER=sneaky', '${USER}')).texts).toEqual([])
})

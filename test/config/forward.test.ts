import { describe, expect, test } from 'vitest'
import { briefly, load, loadForward, loadWell } from './loading.ts'

const file = (forward: string) => `forwards:\n  it: ${forward}\n`

/** The caret stands where the problem is expected to point; without one it is the forward's name. */
test.each([
  ['{ local: 1025, to: 80 }', 'CONFIG_SCHEMA forwards.it.via'],
  ['{ via: acme, local: 1025 }', 'CONFIG_SCHEMA forwards.it.to'],
  ['{ via: acme, to: 80 }', 'CONFIG_SCHEMA forwards.it'],
  ['{ via: acme, local: 1025, ^remote: 1025, to: 80 }', 'CONFIG_CONFLICT forwards.it.remote'],
  ['{ via: acme, dynamic: 1025, ^to: 80 }', 'CONFIG_CONFLICT forwards.it.to'],
  ['{ via: acme, local: 1025, to: ^socks }', 'CONFIG_SCHEMA forwards.it.to'],
  ['{ via: acme, local: 1025, to: 80, ^allow_to: [a] }', 'CONFIG_CONFLICT forwards.it.allow_to'],
  ['{ via: acme, dynamic: 1025, allow_to: [^"a b"] }', 'CONFIG_SCHEMA forwards.it.allow_to.0'],
  ['{ via: acme, dynamic: 1025, allow_from: [1.1.1.1, ^2.2.2] }', 'CONFIG_SCHEMA forwards.it.allow_from.1'],
  ['{ via: acme, local: ./a, to: 80, ^allow_from: [1.1.1.1] }', 'CONFIG_CONFLICT forwards.it.allow_from'],
  [
    '{ via: acme, local: 1025, to: 80, ^auth: { username: a, password_env: B } }',
    'CONFIG_CONFLICT forwards.it.auth',
  ],
  ['{ via: acme, dynamic: 1025, ^auth: { username: a } }', 'CONFIG_SCHEMA forwards.it.auth.password_env'],
  ['{ via: acme, local: 1025, to: 80, ^socket: { mode: 600 } }', 'CONFIG_CONFLICT forwards.it.socket'],
  ['{ via: acme, remote: /a, to: 80, socket: { ^mode: 600 } }', 'CONFIG_CONFLICT forwards.it.socket.mode'],
  ['{ via: acme, remote: 1025, to: 80, ^http: { host_header: a } }', 'CONFIG_CONFLICT forwards.it.http'],
  ['{ via: acme, local: 1025, to: 80, ^gateway: relay }', 'CONFIG_CONFLICT forwards.it.gateway'],
  ['{ via: acme, remote: 1025, to: 80, ^gateway: relay }', 'CONFIG_CONFLICT forwards.it.gateway'],
  ['{ via: acme, remote: 127.0.0.2:1025, to: 80, ^gateway: relay }', 'CONFIG_CONFLICT forwards.it.gateway'],
  ['{ via: acme, remote: inside:1025, to: 80, ^gateway: relay }', 'CONFIG_CONFLICT forwards.it.gateway'],
  ['{ via: acme, remote: /a.sock, to: 80, ^gateway: relay }', 'CONFIG_CONFLICT forwards.it.gateway'],
  [
    '{ via: acme, remote: 10.0.0.1:1025, to: 80, ^gateway: relay, allow_from: [1.1.1.1] }',
    'CONFIG_CONFLICT forwards.it.gateway',
  ],
  ['{ via: acme, remote: 10.0.0.1:1025, to: 80, gateway: ^socat }', 'CONFIG_SCHEMA forwards.it.gateway'],
  ['{ via: acme, remote: ^./a.sock, to: 80 }', 'CONFIG_SCHEMA forwards.it.remote'],
  ['{ via: acme, local: 1025, to: 80, max_connections: ^0 }', 'CONFIG_SCHEMA forwards.it.max_connections'],
  ['{ via: ^"-oProxyCommand=id", local: 1025, to: 80 }', 'CONFIG_SCHEMA forwards.it.via'],
])('%s: %s', async (marked, problem) => {
  const line = `  it: ${marked}`
  const column = marked.includes('^') ? line.indexOf('^') + 1 : 3
  expect(await briefly(file(marked.replace('^', '')))).toEqual([`2:${column} ${problem}`])
})

test('a relay is for listeners that others reach; one of the defaults is skipped elsewhere, and beside allow_from', async () => {
  const text = `
defaults: { forwards: { via: acme, gateway: relay } }
forwards:
  wide: { remote: "*:1025", to: 80 }
  inside: { remote: "[fd00::7]:1026", to: 80 }
  some: { remote: "*:1027", to: 80, allow_from: [10.0.0.0/8] }
  bare: { remote: 1028, to: 80 }
  here: { local: 1029, to: 80 }
`
  const { forwards } = await loadWell(text)
  const relayed = [...forwards.values()].filter(({ gateway }) => gateway === 'relay')
  expect(relayed.map(({ name }) => name)).toEqual(['wide', 'inside'])
})

test('each option reaches the forward', async () => {
  const forward = await loadForward(
    `{ via: acme, local: ./a.sock, to: /b.sock, socket: { mode: 0660, replace: no }, drain: 30s,
       max_connections: "5", profiles: [x], description: What it is for }`,
    { profiles: ['x'] },
  )
  expect(forward).toMatchObject({
    socket: { mode: 0o660, replace: false },
    drainMs: 30_000,
    maxConnections: 5,
    profiles: ['x'],
    description: 'What it is for',
  })
  expect(
    await loadForward('{ via: acme, local: 1025, to: h:80, http: { host_header: zaiste.net } }'),
  ).toMatchObject({
    hostHeader: 'zaiste.net',
  })
  expect(
    await loadForward(
      '{ via: acme, remote: 1025, to: socks, allow_to: ["*.corp:443"], auth: { username: me, password_env: PASS } }',
      { env: { PASS: 'secret' } },
    ),
  ).toMatchObject({
    to: { kind: 'socks' },
    allowTo: ['*.corp:443'],
    auth: { username: 'me', passwordEnv: 'PASS' },
  })
})

describe('defaults', () => {
  test('are where a forward starts, and skipped where they do not apply', async () => {
    const project = await loadWell(
      `
defaults:
  forwards:
    via: acme
    drain: 5s
    to: localhost:80
    allow_from: [10.0.0.0/8]
    allow_to: ["*.corp"]
    auth: { username: me, password_env: PASS }
    http: { host_header: zaiste.net }
    socket: { mode: 0660 }
forwards:
  web: { local: 1025 }
  browse: { dynamic: 1080, drain: 1m }
  sock: { local: ./a.sock, to: 81, socket: { replace: false } }
  app: { remote: 7000, via: other }
`,
      { env: { PASS: 'secret' } },
    )
    const { web, browse, sock, app } = Object.fromEntries(project.forwards)
    expect(web).toMatchObject({
      via: 'acme',
      drainMs: 5000,
      hostHeader: 'zaiste.net',
      allowFrom: ['10.0.0.0/8'],
    })
    expect(web).not.toHaveProperty('auth')
    expect(browse).toMatchObject({ to: { kind: 'socks' }, allowTo: ['*.corp'], drainMs: 60_000 })
    expect(browse).not.toHaveProperty('hostHeader')
    expect(sock).toMatchObject({ to: { port: 81 }, socket: { mode: 0o660, replace: false } })
    expect(sock).not.toHaveProperty('allowFrom')
    expect(app).toMatchObject({ via: 'other', kind: 'remote', to: { port: 80 } })
  })

  test('may say where forwards listen, until one says it itself', async () => {
    const project = await loadWell(`
defaults: { forwards: { via: acme, local: auto } }
forwards: { a: { to: 80 }, b: { remote: 7000, to: 80 } }
`)
    expect(project.forwards.get('a')).toMatchObject({ kind: 'local', listen: { port: 'auto' } })
    expect(project.forwards.get('b')).toMatchObject({ kind: 'remote' })
  })

  test('of hosts reach implicit hosts too, and a jump does not lead through itself', async () => {
    const project = await loadWell(`
defaults: { hosts: { proxy_jump: gate, user: deploy, compression: true } }
hosts: { acme: { compression: false }, straight: { proxy_jump: none } }
forwards: { a: -D 1080 acme, b: -D 1081 me@other, c: -D 1082 straight }
`)
    const { acme, gate, straight, 'me@other': other } = Object.fromEntries(project.hosts)
    expect(acme).toMatchObject({ proxyJump: ['gate'], user: 'deploy', compression: false })
    expect(other).toMatchObject({ proxyJump: ['gate'], user: 'me', hostname: 'other', implicit: true })
    expect(straight?.proxyJump).toEqual([])
    expect(gate).toMatchObject({ user: 'deploy', hostname: 'gate', implicit: true })
    expect(gate).not.toHaveProperty('proxyJump')
  })
})

describe('references', () => {
  test('every via and every jump has its host', async () => {
    const project = await loadWell(`
hosts: { a: { proxy_jump: [b, "me@c:22"] }, b: }
forwards: { x: -D 1080 a, y: -D 1081 ssh://d:22/, z: -D 1082 "d:22" }
`)
    expect([...project.hosts.keys()]).toEqual(['a', 'b', 'me@c:22', 'd:22'])
    expect(project.forwards.get('y')?.via).toBe(project.forwards.get('z')?.via)
  })

  test('a word nearly like a declared host is a slip, a destination is not', async () => {
    const hosts = 'hosts: { bastion: , db: { proxy_jump: bastoin } }\n'
    expect(await briefly(`${hosts}forwards: { a: -D 1080 bastionn, b: -D 1081 db }\n`)).toEqual([
      '1:39 CONFIG_REFERENCE hosts.db.proxy_jump',
      '2:24 CONFIG_REFERENCE forwards.a.via',
    ])
    const fine = await loadWell(
      'hosts: { bastion: }\nforwards: { a: -D 1080 me@bastionn, b: -D 1081 bastion }\n',
    )
    expect(fine.hosts.get('me@bastionn')?.hostname).toBe('bastionn')
  })

  test('jumps that loop are found wherever they begin', async () => {
    const hosts =
      'hosts:\n  a: { proxy_jump: b }\n  b: { proxy_jump: c }\n  c: { proxy_jump: b }\n  d: { proxy_jump: d }\n'
    expect(await briefly(`${hosts}forwards: { x: -D 1080 a, y: -D 1081 d }\n`)).toEqual([
      '2:20 CONFIG_REFERENCE hosts.a.proxy_jump',
      '3:20 CONFIG_REFERENCE hosts.b.proxy_jump',
      '4:20 CONFIG_REFERENCE hosts.c.proxy_jump',
      '5:20 CONFIG_REFERENCE hosts.d.proxy_jump',
    ])
    expect(
      await briefly(
        'hosts: { a: { proxy_jump: [b, c] }, b: , c: { proxy_jump: b } }\nforwards: { x: -D 1080 a }\n',
      ),
    ).toEqual([])
  })
})

describe('two forwards on one listen address', () => {
  const listen = (a: string, b: string) =>
    `forwards:\n  a: { via: acme, to: 80, ${a} }\n  b: { via: acme, to: 80, ${b} }\n`

  test.each([
    ['local: 9000', 'local: 9000'],
    ['local: 9000', 'local: "127.0.0.1:9000"'],
    ['local: 9000', 'local: "[::1]:9000"'],
    ['local: "*:9000"', 'local: 127.0.0.1:9000'],
    ['local: 10.0.0.1:9000', 'local: ":9000"'],
    ['local: 0.0.0.0:9000', 'local: 9000'],
    ['local: ./a.sock', 'local: ./x/../a.sock'],
    ['remote: 9000', 'remote: "*:9000"'],
    ['remote: /a.sock', 'remote: //a.sock'],
  ])('%s and %s is a conflict', async (a, b) => {
    const { problems } = await load(listen(a, b))
    const errors = problems.filter(({ severity }) => !severity)
    expect(errors.map(({ code, at }) => [code, at?.line])).toEqual([['CONFIG_CONFLICT', 3]])
    expect(errors[0]?.summary).toContain('forwards.a (line 2)')
  })

  test.each([
    ['local: 9000', 'local: 9001'],
    ['local: 9000', 'remote: 9000'],
    ['local: auto', 'local: auto'],
    ['local: 127.0.0.1:9000', 'local: "[::1]:9000"'],
    ['local: 127.0.0.1:9000', 'local: 127.0.0.2:9000'],
    ['remote: 9000', 'remote: 9000, via: other'],
    ['local: 9000, profiles: [x]', 'local: 9000'],
    ['local: 9000, profiles: [x]', 'local: 9000, profiles: [y]'],
  ])('%s and %s is none', async (a, b) => {
    const text = b.includes('via')
      ? listen(a, b).replace('via: acme, to: 80, remote: 9000, via', 'to: 80, remote: 9000, via')
      : listen(a, b)
    expect((await load(text)).problems.filter(({ severity }) => !severity)).toEqual([])
  })

  test('counts only among those selected', async () => {
    const text = listen('local: 9000, profiles: [x]', 'local: 9000, profiles: [y]')
    expect(await briefly(text, { profiles: ['x'] })).toEqual([])
    expect(await briefly(text, { profiles: ['x', 'y'] })).toEqual(['3:34 CONFIG_CONFLICT forwards.b.local'])
    expect(await briefly(text, { names: ['a', 'b'] })).toEqual(['3:34 CONFIG_CONFLICT forwards.b.local'])
    // They are in different profiles already.
    const hintOf = async (file: string) => (await load(file, { profiles: ['x', 'y'] })).problems.at(-1)?.hint
    expect(await hintOf(text)).toContain('select one of them only')
    expect(await hintOf(text.replace('[y]', '[y, x]'))).toContain('different profiles')
  })
})

test('two forwards must not set the same variables', async () => {
  expect(
    await briefly('forwards:\n  my-db: -L 1025:h:1 a\n  my_db: -L 1026:h:1 a\n  MY.DB: -R 1027:h:1 a\n'),
  ).toEqual(['3:3 CONFIG_CONFLICT forwards.my_db'])
})

test('a misspelt key is one problem, and what it was meant to be is not missing as well', async () => {
  expect(await briefly(file('{ va: acme, locl: 1025, to: 80 }'))).toEqual([
    '2:9 CONFIG_UNKNOWN_KEY forwards.it.va',
    '2:19 CONFIG_UNKNOWN_KEY forwards.it.locl',
  ])
  expect(await briefly(file('{ x-via: acme, local: 1025, tp: 80 }'))).toEqual([
    '2:3 CONFIG_SCHEMA forwards.it.via',
    '2:35 CONFIG_UNKNOWN_KEY forwards.it.tp',
  ])
})

import { expect, test } from 'vitest'
import { loadProject } from '../../src/config/load.ts'
import { placesOfTen, tenMistakes } from '../fixtures/ten-mistakes.ts'
import { briefly, formatBriefly, load, loadForward, loadWell } from './loading.ts'

const sample = `
name: shop
hosts:
  acme:
  bastion: deploy@bastion.example.com:2222
  db-gateway:
    hostname: 10.0.3.7
    user: \${GW_USER:-deploy}
    proxy_jump: bastion
    host_keys: ["SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8"]
    server_alive_interval: 15s
forwards:
  web: -L 8080:zaiste.net:80 acme
  postgres:
    via: db-gateway
    local: 9000
    to: localhost:5432
  webhook:
    via: bastion
    remote: "*:7000"
    to: localhost:3000
    allow_from: [7.7.7.7]
  browse:
    via: acme
    dynamic: 8123
  docker:
    via: acme
    local: ./run/docker.sock
    to: /var/run/docker.sock
`

test('the sample of the language page loads, and means what it says', async () => {
  const { project, problems, folder } = await load(sample)
  expect(problems).toEqual([])
  expect(project?.name).toBe('shop')
  expect(project?.variables).toEqual(['GW_USER'])
  expect(project?.hosts.get('db-gateway')).toMatchObject({
    hostname: '10.0.3.7',
    user: 'deploy',
    proxyJump: ['bastion'],
    serverAliveIntervalMs: 15_000,
  })
  expect(project?.hosts.get('bastion')).toMatchObject({
    hostname: 'bastion.example.com',
    port: 2222,
    user: 'deploy',
  })
  expect(project?.forwards.get('web')).toMatchObject({
    kind: 'local',
    via: 'acme',
    listen: { kind: 'tcp', bind: 'loopback', port: 8080 },
    to: { kind: 'tcp', host: 'zaiste.net', port: 80 },
    socket: { mode: 0o600, replace: true },
    drainMs: 600_000,
    idleTimeoutMs: 0,
    maxConnections: 1024,
  })
  expect(project?.forwards.get('docker')?.listen).toEqual({ kind: 'unix', path: `${folder}/run/docker.sock` })
  expect(project?.forwards.get('browse')?.to).toEqual({ kind: 'socks' })
})

test('ten mistakes are ten problems, each at its line and column, in one run', async () => {
  const { project, problems } = await load(tenMistakes)
  expect(project).toBeNull()
  expect(problems.map(formatBriefly)).toEqual(placesOfTen)
  expect(problems[1]?.hint).toBe('Did you mean hostname?')
  expect(problems[4]?.summary).toContain('did you mean bastion?')
})

test('problems of several files are told together, each in its own file', async () => {
  const { problems, files } = await load({
    'tunnels.yaml': 'forwards:\n  a: -L 1:h:2 acme\n  b: -L 99999:h:2 acme\n',
    'tunnels.override.yaml': 'forwards:\n  a: { drain: soon }\n',
  })
  expect(problems.map(({ at }) => [files.indexOf(at!.file), at!.line])).toEqual([
    [0, 3],
    [1, 2],
  ])
})

test('a broken line does not hide the mistakes of others, and is one problem itself', async () => {
  expect(
    await briefly('forwards:\n  a:\n    via: acme\n    local: *:9000\n    to: localhost:1\n    drian: 1\n'),
  ).toEqual(['4:12 CONFIG_SYNTAX', '6:5 CONFIG_UNKNOWN_KEY forwards.a.drian'])
})

test('a later file adds to a short form, or replaces it', async () => {
  const files = (override: string) => ({
    'tunnels.yaml': 'forwards:\n  web: -L 8080:zaiste.net:80 -p 2222 acme\n',
    'tunnels.override.yaml': `forwards:\n  web: ${override}\n`,
  })
  const described = await loadWell(files('{ description: The web }'))
  expect(described.forwards.get('web')).toMatchObject({ description: 'The web', via: 'acme:2222' })
  const replaced = await loadWell(files('-D 1080 other'))
  expect(replaced.forwards.get('web')).toMatchObject({ kind: 'dynamic', via: 'other', to: { kind: 'socks' } })
  const moved = await loadWell(files('{ local: 9090 }'))
  expect(moved.forwards.get('web')).toMatchObject({ listen: { port: 9090 }, to: { host: 'zaiste.net' } })
})

test('a variable fills a part of a short form and can never add an option', async () => {
  const env = {
    PORT: '8080',
    TARGET: 'zaiste.net',
    USER_PART: 'me',
    EVIL: '-oProxyCommand=id',
    WORDS: 'h -o x',
  }
  expect(await loadForward('-L ${PORT}:${TARGET}:${NONE:-80} ${USER_PART}@acme', { env })).toMatchObject({
    via: 'me@acme',
    listen: { port: 8080 },
    to: { host: 'zaiste.net', port: 80 },
  })
  expect(await briefly('forwards:\n  a: -L 1:h:2 ${EVIL}\n  b: -L 2:${WORDS}:2 acme\n', { env })).toEqual([
    '2:15 CONFIG_SCHEMA forwards.a.via',
    '3:11 CONFIG_SCHEMA forwards.b.to',
  ])
})

test('a bad value that a variable brought is not shown, only where it comes from', async () => {
  const { problems } = await load('forwards:\n  a: -L ${SECRET}:h:80 acme\n', { env: { SECRET: 'hunter2' } })
  expect(problems).toHaveLength(1)
  expect(problems[0]?.detail).toContain('${SECRET}')
  expect(JSON.stringify(problems)).not.toContain('hunter2')
})

test('unset variables matter only to what is selected', async () => {
  const text = `
hosts:
  used: { user: "\${A}" }
  spare: { user: "\${B}" }
forwards:
  a: { via: used, local: 1024, to: 80 }
  b: { via: spare, local: 1025, to: "\${C}", profiles: [more] }
`
  const some = await load(text, { env: { A: 'x' } })
  expect(some.problems.map(formatBriefly)).toEqual([
    '~4:19 CONFIG_VARIABLE hosts.spare.user',
    '~7:38 CONFIG_VARIABLE forwards.b.to',
  ])
  expect([...some.project!.forwards.keys()]).toEqual(['a'])
  expect(await briefly(text, { env: { A: 'x' }, profiles: ['more'] })).toEqual([
    '4:19 CONFIG_VARIABLE hosts.spare.user',
    '7:38 CONFIG_VARIABLE forwards.b.to',
  ])
  expect(await briefly(text, { env: { B: 'x', C: '1' }, names: ['b'] })).toEqual([
    '~3:18 CONFIG_VARIABLE hosts.used.user',
  ])
})

test('.env fills variables and holds the secrets that the file names', async () => {
  const files = {
    'tunnels.yaml':
      'forwards:\n  a: { via: "${GATEWAY}", dynamic: 1080, auth: { username: me, password_env: PASS } }\n',
    '.env': 'GATEWAY=acme\nPASS=secret\n',
  }
  const { project, environment } = await load(files)
  expect(project?.forwards.get('a')?.via).toBe('acme')
  expect(environment.PASS).toBe('secret')
  expect(project?.variables).toEqual(['GATEWAY', 'PASS'])
  const other = await load(files, { env: { GATEWAY: 'other' } })
  expect(other.project?.forwards.get('a')?.via).toBe('other')
})

test('a password that is not set, or empty, lets nobody in: it is a problem of the forwards selected', async () => {
  const text = `
forwards:
  a: { via: acme, dynamic: 1080, auth: { username: me, password_env: PASS } }
  b: { via: acme, dynamic: 1081, auth: { username: me, password_env: OTHER }, profiles: [b] }
`
  const place = '3:70 CONFIG_VARIABLE forwards.a.auth.password_env'
  expect(await briefly(text)).toEqual([place])
  expect(await briefly(text, { env: { PASS: '' } })).toEqual([place])
  expect(await briefly(text, { env: { PASS: 'secret' } })).toEqual([])
})

test('variables that are only named are kept for the selection, too', async () => {
  const project = await loadWell('hosts: { a: { identity_agent: $$AGENT } }\nforwards: { x: -D 1080 a }\n')
  expect(project.hosts.get('a')?.identityAgent).toBe('$AGENT')
  expect(project.variables).toEqual(['AGENT'])
})

test('the name is what is written, else the folder, unless it is given', async () => {
  const forward = 'forwards: { a: -D 1080 acme }\n'
  expect((await loadWell(`name: shop\n${forward}`)).name).toBe('shop')
  expect((await loadWell(forward, { projectName: 'mine' })).name).toBe('mine')
  expect(
    (await loadWell({ 'My Shop_2/tunnels.yaml': forward }, { files: ['My Shop_2/tunnels.yaml'] })).name,
  ).toBe('myshop_2')
  expect(await briefly(forward, { projectName: 'No Good' })).toEqual(['- USAGE'])
})

test('a file that is not there is a problem, not an exception', async () => {
  const result = await loadProject({ files: ['nowhere.yaml'], env: {}, cwd: '/', profiles: [], names: null })
  expect(result.project).toBeNull()
  expect(result.problems.map(({ code }) => code)).toEqual(['CONFIG_NOT_FOUND'])
})

test('a file may have no forwards, but says so: one that is empty or cut off is no such file', async () => {
  for (const text of ['forwards:\n', 'forwards: {}\n', 'forwards:\n  # web: -L 1025:a:1 acme\n']) {
    expect((await loadWell(text)).forwards.size).toBe(0)
  }
  for (const text of ['', '# a comment\n', '---\n', 'name: shop\n', 'hosts: { acme: }\n']) {
    expect((await load(text)).problems.map(({ summary }) => summary)).toContain('There is no `forwards:`')
  }
  const split = { 'tunnels.yaml': 'name: shop\n', 'tunnels.override.yaml': 'forwards: { a: -D 1080 acme }\n' }
  expect((await loadWell(split)).forwards.size).toBe(1)
})

import { expect, test } from 'vitest'
import { formatConfig } from '../../src/config/config-output.ts'
import { briefly, loadForward, loadWell } from './loading.ts'

const local = 'via: acme, local: 1025, to: 80'
const pace = { intervalMs: 30_000, timeoutMs: 5_000, retries: 3, startPeriodMs: 0 }

/** The caret stands where the problem is expected to point. */
test.each([
  [`{ ${local}, ^healthcheck: {} }`, 'CONFIG_SCHEMA forwards.it.healthcheck.type'],
  [`{ ${local}, healthcheck: { type: ^tcp } }`, 'CONFIG_SCHEMA forwards.it.healthcheck.type'],
  [`{ ${local}, healthcheck: { type: connect, ^path: /a } }`, 'CONFIG_CONFLICT forwards.it.healthcheck.path'],
  [
    `{ ${local}, healthcheck: { type: connect, ^command: [a] } }`,
    'CONFIG_CONFLICT forwards.it.healthcheck.command',
  ],
  [`{ ${local}, healthcheck: { type: http, path: ^healthz } }`, 'CONFIG_SCHEMA forwards.it.healthcheck.path'],
  [`{ ${local}, healthcheck: { type: http, path: ^"/a b" } }`, 'CONFIG_SCHEMA forwards.it.healthcheck.path'],
  [
    `{ ${local}, healthcheck: { type: http, path: ^"/a\\r\\nX: y" } }`,
    'CONFIG_SCHEMA forwards.it.healthcheck.path',
  ],
  [
    `{ ${local}, healthcheck: { type: http, expect_status: ^299-200 } }`,
    'CONFIG_SCHEMA forwards.it.healthcheck.expect_status',
  ],
  [
    `{ ${local}, healthcheck: { type: http, expect_status: ^600 } }`,
    'CONFIG_SCHEMA forwards.it.healthcheck.expect_status',
  ],
  [`{ ${local}, ^healthcheck: { type: command } }`, 'CONFIG_SCHEMA forwards.it.healthcheck.command'],
  [
    `{ ${local}, healthcheck: { type: command, command: ^curl } }`,
    'CONFIG_SCHEMA forwards.it.healthcheck.command',
  ],
  [
    `{ ${local}, healthcheck: { type: command, command: [^""] } }`,
    'CONFIG_SCHEMA forwards.it.healthcheck.command.0',
  ],
  [
    `{ ${local}, healthcheck: { type: command, command: [nc, ^"{path}"] } }`,
    'CONFIG_SCHEMA forwards.it.healthcheck.command.1',
  ],
  [
    '{ via: acme, local: ./a.sock, to: 80, healthcheck: { type: command, command: [nc, ^"x:{port}"] } }',
    'CONFIG_SCHEMA forwards.it.healthcheck.command.1',
  ],
  [
    `{ ${local}, healthcheck: { type: connect, interval: ^0 } }`,
    'CONFIG_SCHEMA forwards.it.healthcheck.interval',
  ],
  [
    `{ ${local}, healthcheck: { type: connect, timeout: ^0 } }`,
    'CONFIG_SCHEMA forwards.it.healthcheck.timeout',
  ],
  [
    `{ ${local}, healthcheck: { type: connect, retries: ^0 } }`,
    'CONFIG_SCHEMA forwards.it.healthcheck.retries',
  ],
  [
    '{ via: acme, dynamic: 1025, healthcheck: { ^type: http } }',
    'CONFIG_CONFLICT forwards.it.healthcheck.type',
  ],
])('%s: %s', async (marked, problem) => {
  const line = `  it: ${marked}`
  const found = await briefly(`forwards:\n  it: ${marked.replace('^', '')}\n`)
  expect(found).toEqual([`2:${line.indexOf('^') + 1} ${problem}`])
})

test('defaults are filled in, and what defaults bring for another type is skipped', async () => {
  const of = async (healthcheck: string) =>
    (await loadForward(`{ ${local}, healthcheck: ${healthcheck} }`)).healthcheck
  expect(await of('{ type: connect }')).toEqual({ type: 'connect', ...pace })
  expect(await of('{ type: http, expect_status: 204 }')).toEqual({
    type: 'http',
    path: '/',
    expectStatus: [204, 204],
    ...pace,
  })
  expect(await of('{ type: http, path: "/a?b=c", expect_status: 200-299, retries: "1" }')).toMatchObject({
    path: '/a?b=c',
    expectStatus: [200, 299],
    retries: 1,
  })
  const project = await loadWell(`
defaults: { forwards: { via: acme, healthcheck: { type: http, path: /up, interval: 1s } } }
forwards:
  page: { local: 1025, to: 80 }
  port: { local: 1026, to: 81, healthcheck: { type: connect, timeout: 2s } }
  tool: { local: 1027, to: 82, healthcheck: { type: command, command: [./check, "~", "{host}"] } }
  proxy: { dynamic: 1028 }
`)
  const checks = [...project.forwards.values()].map(({ healthcheck }) => healthcheck)
  expect(checks).toEqual([
    { type: 'http', path: '/up', expectStatus: [200, 399], ...pace, intervalMs: 1_000 },
    { type: 'connect', ...pace, intervalMs: 1_000, timeoutMs: 2_000 },
    { type: 'command', command: [`${project.folder}/check`, '~', '{host}'], ...pace, intervalMs: 1_000 },
    undefined,
  ])
  const again = await loadWell(formatConfig(project, { json: false }))
  expect([...again.forwards.values()].map(({ healthcheck }) => healthcheck)).toEqual(checks)
})

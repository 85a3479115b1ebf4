import { expect, test } from 'vitest'
import { lowestFreePort } from '../../src/config/privileged-port.ts'
import { briefly, load } from './loading.ts'

test.each([
  ['forwards: { a: { via: acme, local: "*:9000", to: 80 } }', 'forwards.a.local'],
  ['forwards: { a: { via: acme, local: 0.0.0.0:9000, to: 80 } }', 'forwards.a.local'],
  ['forwards: { a: { via: acme, remote: ":9000", to: 80 } }', 'forwards.a.remote'],
  ['forwards: { a: -g -D 1080 acme }', 'forwards.a.dynamic'],
  ['forwards: { a: -R 1080 acme }', 'forwards.a.remote'],
  ['hosts: { acme: , other: }\nforwards: { a: -D 1080 acme }', 'hosts.other'],
  [
    'hosts: { acme: { connect: on_demand } }\nforwards: { a: { via: acme, remote: 80, to: 80 } }',
    'hosts.acme.connect',
  ],
  ['hosts: { acme: }\nforwards: { a: -D 1080 bob@acme, b: -D 1081 acme }', 'forwards.a.via'],
  [
    'forwards: { a: { via: acme, dynamic: 1080, description: "postgres://app:hunter2@db/shop" } }',
    'forwards.a.description',
  ],
  [
    'forwards: { a: { via: acme, dynamic: 1080, description: "password: hunter2" } }',
    'forwards.a.description',
  ],
])('%s is worth a warning', async (text, path) => {
  const { project, problems } = await load(text)
  expect(problems).toEqual([expect.objectContaining({ code: 'CONFIG_WARNING', severity: 'warning', path })])
  expect(project?.warnings).toEqual(problems)
})

test.each([
  'forwards: { a: { via: acme, local: "*:9000", to: 80, allow_from: [10.0.0.0/8] } }',
  'forwards: { a: { via: acme, remote: 1080, to: socks, allow_to: ["*:443"] } }',
  'forwards: { a: { via: acme, local: 10.0.0.1:9000, to: 80 } }',
  'hosts: { gate: , acme: { proxy_jump: gate } }\nforwards: { a: -D 1080 acme }',
  'hosts: { acme: }\nforwards: { a: { via: acme, dynamic: 1080, profiles: [x] } }',
  'forwards: { a: { via: acme, dynamic: 1080, description: "postgres://app:${PW:-x}@db" } }',
  'forwards: { a: { via: acme, dynamic: 1080, description: "the token: see the wiki" } }'.replace(
    'token: see',
    'token of',
  ),
  'forwards: { a: { via: acme, remote: 80, to: 80 } }',
  'defaults: { hosts: { connect: on_demand } }\nforwards: { a: { via: acme, remote: 80, to: 80 } }',
])('%s is not', async (text) => {
  expect(await briefly(text)).toEqual([])
})

test('a warning about a secret does not repeat it', async () => {
  const { problems } = await load(
    'forwards: { a: { via: acme, dynamic: 1080, description: "x://u:hunter2@h" } }',
  )
  expect(JSON.stringify(problems)).not.toContain('hunter2')
})

test('a port that this user may not bind is worth a warning, for those who may not', async () => {
  const expected = lowestFreePort() > 80 ? ['~1:36 CONFIG_WARNING forwards.a.local'] : []
  expect(await briefly('forwards: { a: { via: acme, local: 80, to: 80 } }')).toEqual(expected)
})

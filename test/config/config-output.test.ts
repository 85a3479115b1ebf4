import { expect, test } from 'vitest'
import { formatConfig } from '../../src/config/config-output.ts'
import type { Project } from '../../src/model/project.ts'
import { loadWell } from './loading.ts'

const text = `
name: shop
defaults: { hosts: { server_alive_interval: 90 }, forwards: { drain: 1m30s } }
hosts:
  bastion: deploy@bastion.example.com:2222
  db:
    hostname: \${DB}
    identity_file: [/keys/a, /keys/b]
    identity_agent: $$AGENT
    compression: yes
    proxy_jump: [bastion, me@inner]
    reconnect: { max: 10s, attempts: unlimited }
  plain: { proxy_jump: none, ssh_config: no, connect: on_demand, disconnect_after: 90s }
forwards:
  web: -L 8080:zaiste.net:80 -i /keys/c me@acme
  db: { via: db, local: "[::1]:9000", to: 5432, profiles: [data], description: "Costs 5 $$", idle_timeout: 1h }
  plain: { via: plain, env_prefix: P, env: { URL: "x://{host}:{port}/$$", N: 5 }, local: auto, to: /run/a.sock, http: { host_header: a.example:81 } }
  relayed: { via: bastion, remote: "*:7001", to: 80, gateway: relay }
  app: { via: bastion, remote: "*:7000", to: /run/b.sock, allow_from: [10.0.0.0/8] }
  there: { via: bastion, remote: /run/c.sock, to: socks, allow_to: ["*:443"], socket: { replace: no } }
  browse: { via: root@other:22, dynamic: /run/d.sock, socket: { mode: 660 }, auth: { username: me, password_env: PW } }
`

test('what is printed loads again as the same project', async () => {
  const first = await loadWell(text, { env: { DB: '10.0.0.7', PW: 'secret' }, profiles: ['*'] })
  const printed = formatConfig(first, { json: false })
  const second = await loadWell(printed, { env: { PW: 'secret' }, profiles: ['*'] })
  expect(formatConfig(second, { json: false })).toBe(printed)
  expect(meaningOf(second)).toEqual(meaningOf(first))
})

/** Without places; a host that is more than its destination has got a name of its own. */
function meaningOf({ name, hosts, forwards }: Project): string {
  const plain = { name, hosts: [...hosts.values()], forwards: [...forwards.values()] }
  const withoutPlaces = (key: string, value: unknown) =>
    key === 'at' || key === 'implicit' ? undefined : value
  const sorted = plain.hosts.map((host) => JSON.stringify(sortKeys(host), withoutPlaces)).sort()
  return [
    name,
    ...sorted,
    ...plain.forwards.map((forward) => JSON.stringify(sortKeys(forward), withoutPlaces)),
  ]
    .join('\n')
    .replaceAll(/(me|root)@(\w+)(?::(\d+))?/g, (_, ...parts) => parts.slice(0, 3).filter(Boolean).join('-'))
}

function sortKeys(map: object): object {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)))
}

test('it is in the words of the file, complete, and JSON on request', async () => {
  const project = await loadWell(text, { env: { DB: '10.0.0.7', PW: 'secret' }, profiles: ['*'] })
  const json = JSON.parse(formatConfig(project, { json: true }))
  expect(json.forwards.web).toEqual({
    via: 'me-acme',
    local: 8080,
    to: 'zaiste.net:80',
    drain: '1m30s',
    max_connections: 1024,
  })
  expect(json.hosts.db).toMatchObject({
    hostname: '10.0.0.7',
    identity_agent: '$$AGENT',
    server_alive_interval: '1m30s',
    reconnect: { max: '10s', attempts: 'unlimited' },
  })
  expect(json.forwards.browse).toMatchObject({
    dynamic: '/run/d.sock',
    socket: { mode: '0660', replace: true },
  })
})

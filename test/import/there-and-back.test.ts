// Whatever a file can say that ssh can say: as ssh command lines it goes out, and the same comes in again.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { loadProject } from '../../src/config/load.ts'
import type { PlainMap } from '../../src/config/tree.ts'
import { formatSsh } from '../../src/export/ssh.ts'
import { formatDraft, makeDraft, NOTHING_BESIDE } from '../../src/import/draft.ts'
import { readSshCommand } from '../../src/import/ssh-command.ts'
import type { Project } from '../../src/model/project.ts'
import { isFull } from '../helpers/sample.ts'

const letters = [...'abz09._-@%:\\$ \'"`#&;|<>(){}[]*?!~=+,^é\u{1f600}']
const text = fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 20 })
/** `${` is what ssh fills in by itself, and a tab or the like no path of the file has. */
const path = text.map((name) => `/tmp/${name.replaceAll('${', '$')}x`)
const port = fc.integer({ min: 1, max: 65535 })
const address = fc.constantFrom('127.0.0.1', '[::1]', '0.0.0.0', '*', '10.1.2.3')
const listen = fc.oneof(
  port,
  fc.tuple(address, port).map(([bind, number]) => `${bind}:${number}`),
  path,
)
const target = fc.oneof(
  fc
    .tuple(fc.constantFrom('localhost', 'db.example.com', '[2001:db8::1]', '10.0.0.1'), port)
    .map(([host, number]) => `${host}:${number}`),
  path,
)
const forward = fc.oneof(
  fc.record({ local: listen, to: target }),
  fc.record({ remote: fc.oneof(listen, fc.constant('auto')), to: fc.oneof(target, fc.constant('socks')) }),
  fc.record({ dynamic: listen }),
)
const file = path.map((one) => one.replaceAll('%', '%%'))
const host = fc.record(
  {
    hostname: fc.constantFrom('acme.example.com', '10.0.0.7', '2001:db8::7'),
    user: fc.constantFrom('me', 'a.b-c', 'DOM\\me'),
    port,
    identity_file: fc.oneof(file, fc.array(file, { minLength: 1, maxLength: 3 })),
    identities_only: fc.boolean(),
    identity_agent: fc.oneof(file, fc.constantFrom('none', 'SSH_AUTH_SOCK', '$FOO')),
    certificate_file: file,
    proxy_command: text.map((words) => `nc ${words}.`),
    strict_host_key_checking: fc.constantFrom('ask', 'accept-new', 'yes', 'no'),
    connect_timeout: fc.integer({ min: 1, max: 100 }),
    server_alive_interval: fc.integer({ min: 0, max: 100 }),
    compression: fc.boolean(),
    address_family: fc.constantFrom('any', 'inet', 'inet6'),
    bind_address: fc.constantFrom('10.0.0.2', '::1'),
  },
  { requiredKeys: [] },
)

test('out as ssh command lines, and in again, it is the same', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(host, fc.array(forward, { minLength: 1, maxLength: 4 }), async (said, forwards) => {
      const named = Object.fromEntries(forwards.map((one, index) => [`f${index}`, { via: 'acme', ...one }]))
      const project = await load(JSON.stringify(doubled({ hosts: { acme: said }, forwards: named })))
      // Two on one listener, or a pattern that no address is: nothing to say of it here.
      fc.pre(project !== null)
      const selected = new Set(project!.forwards.keys())
      const exported = formatSsh({ project: project!, selected })
      const lines = exported.split('\n').filter((line) => line.startsWith('ssh '))
      expect(lines).toHaveLength(1)
      const draft = makeDraft([readSshCommand([lines[0]!])], NOTHING_BESIDE)
      const again = await load(formatDraft(draft))
      expect(meaningOf(again!), `${exported}\n${formatDraft(draft)}`).toEqual(meaningOf(project!))
    }),
    { numRuns: isFull ? 2000 : 100 },
  )
})

/** The file's own words for a text: a dollar is two. */
function doubled(map: PlainMap): PlainMap {
  return JSON.parse(JSON.stringify(map).replaceAll('$', '$$$$'))
}

async function load(yaml: string): Promise<Project | null> {
  const loaded = await loadProject({
    files: ['-'],
    env: { HOME: '/home/me', FOO: '/foo' },
    cwd: '/',
    profiles: [],
    names: null,
    texts: new Map([['-', yaml]]),
  })
  return loaded.project
}

/** Without names, which nobody types after ssh. */
function meaningOf({ hosts, forwards }: Project): unknown {
  const ends = [...forwards.values()].map(({ kind, listen, to }) => ({ kind, listen, to }))
  const all = [...forwards.values()].map(({ via }) => {
    const { name, at, implicit, hostname, ...said } = hosts.get(via)!
    return { hostname: hostname ?? name, ...said }
  })
  return { ends, host: all[0] }
}

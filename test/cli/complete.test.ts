// What can stand where on a command line; what the shells make of it is e2e/completion.test.ts.

import { expect, test } from 'vitest'
import { complete, formatCompletion } from '../../src/cli/complete.ts'
import { buildProgram } from '../../src/cli/program.ts'
import { testFolder } from '../helpers/folder.ts'

const FILE = `hosts:
  acme: { ssh_config: ./evil, hostname: "\${UNSET:?no}" }
  "a$(id)": {}
  x-notes: {}
forwards:
  web: -L 8080:h:80 acme
  webhook: { via: acme, remote: 7000, to: 3000, profiles: [dev, "e v", "*"] }
  "b;id": -D 1 acme
`

async function ask(line: string, files: Record<string, string> = { 'tunnels.yaml': FILE }): Promise<string> {
  const folder = testFolder()
  for (const [name, content] of Object.entries(files)) folder.write(name, content)
  const program = buildProgram({ env: {}, cwd: '/', version: '0', mainPath: '/' }, () => {})
  const env = { HOME: folder.path }
  const found = formatCompletion(await complete(program, line.split(' '), { env, cwd: folder.path }))
  return found.replaceAll(/\t.*/g, '').trim().replaceAll('\n', ' ')
}

test.each([
  ['sta', 'status'],
  ['help sta', 'status'],
  ['help status ', ''],
  ['up ', 'web webhook acme'],
  ['up web ', 'webhook acme'],
  ['ps w', 'web webhook'],
  ['port ', 'web webhook'],
  ['port web ', ''],
  ['hostkeys ', 'acme'],
  ['logs -f w', 'web webhook'],
  ['-q -f other.yaml down o', 'one'],
  ['down --file=other.yaml o', 'one'],
  ['up --wait-', '--wait-timeout'],
  ['up --wait-timeout w', ''],
  [
    'validate -',
    '--help --file --project-name --profile --env-file --json --no-color --quiet --verbose --version',
  ],
  ['--profile ', 'dev'],
  ['up --profile=', '--profile=dev'],
  ['up --profile = d', 'dev'],
  ['env --format ', 'shell dotenv json'],
  ['export s', 'ssh systemd'],
  ['export ssh ', ''],
  ['completion ', 'bash zsh fish'],
  ['import ', ''],
  ['import --from-ssh-config ', 'shop'],
  ['-f ', ':files'],
  ['up --env-file=', ':files'],
  ['run web -- ', ':command 3'],
  ['run -- ls -', ':command 2'],
  ['up -- w', ''],
  ['nothing w', ''],
  ['= = -- -- =', ''],
])('%j: %s', async (line, words) => {
  const files = {
    'tunnels.yaml': FILE,
    'other.yaml': 'forwards: { one: -D 1 b }',
    '.ssh/config': 'Host shop *.x !y $(id)\n',
    evil: 'Match exec "false"\n',
  }
  const sorted = (text: string) => text.split(' ').sort()
  expect(sorted(await ask(line, files))).toEqual(sorted(words))
})

test('a host that only forwards name is completed, too, where a name is what it is', async () => {
  const files = {
    'tunnels.yaml': `defaults: { forwards: { via: usual } }
forwards:
  web: -L 8080:h:80 acme.example.com -p 2222
  db: { via: gate, local: 9000, to: 80 }
  own: { via: "\${GATE:-x}", local: 9001, to: 80 }
  far: { via: "me@far:2222", local: 9002, to: 80 }
  evil: -D 1 "a;id"
`,
  }
  expect(await ask('hostkeys ', files)).toBe('usual acme.example.com gate')
  expect(await ask('up a', files)).toBe('acme.example.com')
})

test('what is broken has the names that can be made out, and no file has none', async () => {
  expect(
    await ask('up ', {
      'tunnels.yaml': 'forwards:\n  web: -L *:1:b:2 c\n  db: { via: *x }\n  api: -D 2 c\n',
    }),
  ).toBe('web db api c')
  for (const content of [
    '\0',
    '- a',
    `a: ${'['.repeat(500)}`,
    'forwards: &a { web: *a }',
    'x'.repeat(300_000),
    'forwards: 3',
  ])
    expect(['', 'web']).toContain(await ask('up ', { 'tunnels.yaml': content }))
  expect(await ask('up ', {})).toBe('')
})

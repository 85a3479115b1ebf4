// What Docker Compose's documentation says of variables, `.env` and several files ("Interpolation", "Env file syntax",
// "Merge Compose files"), case by case: the same words have the same outcome here, but for what 01 says is other.

import { beforeAll, expect, test } from 'vitest'
import { type LoadOptions, loadProject } from '../../src/config/load.ts'
import { type TestFolder, testFolder } from '../helpers/folder.ts'

interface Case {
  /** As it stands in the file. */
  text: string
  env?: Record<string, string>
  dotenv?: string
  /** What comes of it; a pattern: the problem. */
  gives: string | RegExp
}

const SET = { VAR: 'value' }
const EMPTY = { VAR: '' }

const cases: Record<string, Case> = {
  braces: { text: '${VAR}', env: SET, gives: 'value' },
  'no braces': { text: '$VAR', env: SET, gives: 'value' },
  'in the midst of text': { text: 'a-${VAR}-b', env: SET, gives: 'a-value-b' },
  'a name ends where it cannot go on': { text: '$VAR/x:$VAR.', env: SET, gives: 'value/x:value.' },
  'two beside each other': { text: '${VAR}${VAR}', env: SET, gives: 'valuevalue' },
  'names with digits and underscores': { text: '${_V1}', env: { _V1: 'x' }, gives: 'x' },
  ':- of one that is set': { text: '${VAR:-default}', env: SET, gives: 'value' },
  ':- of an empty one': { text: '${VAR:-default}', env: EMPTY, gives: 'default' },
  ':- of an unset one': { text: '${VAR:-default}', gives: 'default' },
  '- of one that is set': { text: '${VAR-default}', env: SET, gives: 'value' },
  '- of an empty one': { text: 'x${VAR-default}', env: EMPTY, gives: 'x' },
  '- of an unset one': { text: '${VAR-default}', gives: 'default' },
  'an empty default': { text: 'x${VAR:-}', gives: 'x' },
  'a default with what a shell would split': { text: '${VAR:-a b:c/d}', gives: 'a b:c/d' },
  ':? of one that is set': { text: '${VAR:?is needed}', env: SET, gives: 'value' },
  ':? of an empty one': { text: '${VAR:?is needed}', env: EMPTY, gives: /is needed/ },
  ':? of an unset one': { text: '${VAR:?is needed}', gives: /is needed/ },
  '? of one that is set': { text: '${VAR?is needed}', env: SET, gives: 'value' },
  '? of an empty one': { text: 'x${VAR?is needed}', env: EMPTY, gives: 'x' },
  '? of an unset one': { text: '${VAR?is needed}', gives: /is needed/ },
  ':+ of one that is set': { text: '${VAR:+alt}', env: SET, gives: 'alt' },
  ':+ of an empty one': { text: 'x${VAR:+alt}', env: EMPTY, gives: 'x' },
  ':+ of an unset one': { text: 'x${VAR:+alt}', gives: 'x' },
  '+ of one that is set': { text: '${VAR+alt}', env: SET, gives: 'alt' },
  '+ of an empty one': { text: '${VAR+alt}', env: EMPTY, gives: 'alt' },
  '+ of an unset one': { text: 'x${VAR+alt}', gives: 'x' },
  'a default that is a variable': { text: '${NO:-${VAR}}', env: SET, gives: 'value' },
  'defaults within defaults': { text: '${NO:-${ALSO:-deep}}', gives: 'deep' },
  'a variable in a message': { text: '${NO?$VAR is the reason}', env: SET, gives: /value is the reason/ },
  'a variable in an alternative': { text: '${VAR:+<${VAR}>}', env: SET, gives: '<value>' },
  'two dollars are one': { text: '$$VAR and $${VAR}', env: SET, gives: '$VAR and ${VAR}' },
  'three dollars': { text: '$$$VAR', env: SET, gives: '$value' },
  'a value is not looked through again': {
    text: '${VAR}',
    env: { VAR: '$OTHER', OTHER: 'no' },
    gives: '$OTHER',
  },
  'something that is no variable': { text: '${VAR!}', env: SET, gives: /\$\{VAR!\}|VAR!/ },
  'the environment before .env': { text: '${VAR}', env: SET, dotenv: 'VAR=other', gives: 'value' },
  'what only .env has': { text: '${VAR}', dotenv: 'VAR=here', gives: 'here' },
  '.env: a comment, blank lines, export': { text: '${VAR}', dotenv: '# no\n\nexport VAR=x\n', gives: 'x' },
  '.env: a comment behind a value': { text: '${VAR}', dotenv: 'VAR=x # no\n', gives: 'x' },
  '.env: # without a blank before it': { text: '${VAR}', dotenv: 'VAR=x#yes\n', gives: 'x#yes' },
  '.env: # within quotes': { text: '${VAR}', dotenv: 'VAR="x # yes"\n', gives: 'x # yes' },
  '.env: single quotes are literal': { text: '${VAR}', dotenv: "VAR='$OTHER\\t'\n", gives: '$OTHER\\t' },
  '.env: double quotes have escapes': { text: '${VAR}', dotenv: 'VAR="a\\tb"\n', gives: 'a\tb' },
  '.env: a variable in double quotes': { text: '${VAR}', dotenv: 'A=1\nVAR="x${A}"\n', gives: 'x1' },
  '.env: a variable without quotes': { text: '${VAR}', dotenv: 'A=1\nVAR=${A}x\n', gives: '1x' },
  '.env: an empty value is set': { text: 'x${VAR-default}', dotenv: 'VAR=\n', gives: 'x' },
  '.env: the later of two counts': { text: '${VAR}', dotenv: 'VAR=1\nVAR=2\n', gives: '2' },
  '.env: an apostrophe within double quotes': { text: '${VAR}', dotenv: 'VAR="it\'s"\n', gives: "it's" },
  // Other than Compose, as 01 has it: it would warn, and go on with nothing.
  'unset, without a default, is a problem here': { text: '${VAR}', gives: /VAR/ },
}

function load(folder: TestFolder, options: Partial<LoadOptions> = {}) {
  return loadProject({ files: [], env: {}, cwd: folder.path, profiles: [], names: null, ...options })
}

test('the table is as long as it says', () => expect(Object.keys(cases).length).toBeGreaterThanOrEqual(40))

test.each(Object.entries(cases))('%s', async (_, { text, env = {}, dotenv, gives }) => {
  const folder = testFolder()
  const forward = { via: 'acme', local: 9000, to: 80, description: text }
  folder.write('tunnels.yaml', JSON.stringify({ forwards: { web: forward } }))
  if (dotenv !== undefined) folder.write('.env', dotenv)
  const { project, problems } = await load(folder, { env })
  const errors = problems.filter(({ severity }) => severity !== 'warning').map(({ summary }) => summary)
  if (typeof gives === 'string')
    expect([errors, project?.forwards.get('web')?.description]).toEqual([[], gives])
  else expect([project, errors.join('\n')]).toEqual([null, expect.stringMatching(gives)])
})

let files: TestFolder

beforeAll(() => {
  files = testFolder()
  files.write(
    'tunnels.yaml',
    `hosts: { acme: { user: a, hostname: one } }
forwards:
  web: { via: acme, local: 9000, to: 80, description: base, allow_from: [10.0.0.0/8], env: { A: "1", B: "2" } }
  debug: { via: acme, local: 9001, to: 81, profiles: [debug] }
`,
  )
  files.write(
    'tunnels.override.yaml',
    `hosts: { acme: { hostname: two } }
forwards:
  web: { description: override, allow_from: [192.0.2.1], env: { B: "3" } }
  more: -L 9002:localhost:82 acme
`,
  )
  files.write('other.yaml', 'forwards: { web: { description: other } }\n')
  files.write('sub/later.yaml', 'forwards: { web: { local: ./x.sock, allow_from: null } }\n')
})

async function web(options: Partial<LoadOptions>) {
  const { project, problems } = await load(files, options)
  expect(problems.filter(({ severity }) => severity !== 'warning')).toEqual([])
  const { description, allowFrom, env, listen } = project!.forwards.get('web')!
  return {
    description,
    allowFrom,
    env,
    listen,
    hosts: project!.hosts,
    forwards: [...project!.forwards.keys()],
  }
}

test('an override beside the file is merged on top: maps by key, single values replaced', async () => {
  const found = await web({})
  expect(found).toMatchObject({ description: 'override', env: { A: '1', B: '3' } })
  expect(found.hosts.get('acme')).toMatchObject({ user: 'a', hostname: 'two' })
  expect(found.forwards).toEqual(['web', 'debug', 'more'])
  // Other than Compose, as 01 has it: lists are replaced, not joined.
  expect(found.allowFrom).toEqual(['192.0.2.1'])
})

test('files that are named are all there are, in their order; the variable names them, too', async () => {
  expect(await web({ files: ['tunnels.yaml'] })).toMatchObject({
    description: 'base',
    forwards: ['web', 'debug'],
  })
  const named = ['tunnels.yaml', 'tunnels.override.yaml', 'other.yaml']
  expect(await web({ files: named })).toMatchObject({ description: 'other' })
  expect(await web({ files: named.slice(0, 2) })).toMatchObject({ description: 'override' })
  expect(await web({ env: { TUNNELS_FILE: 'tunnels.yaml:other.yaml' } })).toMatchObject({
    description: 'other',
  })
})

test('paths of a later file are relative to the first one', async () => {
  const { listen } = await web({ files: ['tunnels.yaml', 'sub/later.yaml'] })
  expect(listen).toEqual({ kind: 'unix', path: files.join('x.sock') })
})

test('a file on standard input is one among the others', async () => {
  const input = 'forwards: { web: { description: piped } }\n'
  expect(await web({ files: ['tunnels.yaml', '-'], input })).toMatchObject({ description: 'piped' })
})

test('another file in the place of .env', async () => {
  const folder = testFolder()
  folder.write('tunnels.yaml', 'forwards: { web: { via: a, local: 1, to: 2, description: "${VAR}" } }\n')
  folder.write('.env', 'VAR=usual\n')
  folder.write('ci.env', 'VAR=ci\n')
  const of = async (options: Partial<LoadOptions>) =>
    (await load(folder, options)).project?.forwards.get('web')?.description
  expect([await of({}), await of({ envFile: 'ci.env' })]).toEqual(['usual', 'ci'])
})

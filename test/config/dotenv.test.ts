// `.env` as Docker Compose reads it.

import { expect, test } from 'vitest'
import { parseEnv, readEnvFile } from '../../src/config/dotenv.ts'
import { testFolder } from '../helpers/folder.ts'

const environment: Record<string, string> = { HOME_ENV: 'mine', SHARED: 'outer' }
const lookup = (name: string) => (Object.hasOwn(environment, name) ? environment[name] : undefined)
const parse = (text: string) => parseEnv({ path: '/p/.env', text }, lookup)

test.each<[string, Record<string, string>]>([
  ['', {}],
  ['# comment\n\n \t\nFOO=bar', { FOO: 'bar' }],
  ['FOO=bar\r\nBAR=baz\r\n', { FOO: 'bar', BAR: 'baz' }],
  ['FOO =bar', { FOO: 'bar' }],
  ['FOO= bar ', { FOO: 'bar' }],
  ['FOO=', { FOO: '' }],
  ['FOO="bar"', { FOO: 'bar' }],
  ["FOO='bar'", { FOO: 'bar' }],
  ['FOO="escaped\\"bar"', { FOO: 'escaped"bar' }],
  [`FOO="'d'"`, { FOO: "'d'" }],
  ['OPTION_A: 1', { OPTION_A: '1' }],
  ['OPTION_A: Foo=bar', { OPTION_A: 'Foo=bar' }],
  ['OPTION_A=1:B', { OPTION_A: '1:B' }],
  ['export OPTION_A=2', { OPTION_A: '2' }],
  ["export OPTION_B='\\n'", { OPTION_B: '\\n' }],
  ['exportFOO=2', { exportFOO: '2' }],
  ['export.FOO= 2', { 'export.FOO': '2' }],
  ['\texport\tOPTION_A=2', { OPTION_A: '2' }],
  ['FOO="bar\\nbaz"', { FOO: 'bar\nbaz' }],
  ['FOO=foobar=', { FOO: 'foobar=' }],
  ['FOO=bar # this is foo', { FOO: 'bar' }],
  ['FOO=bar#baz', { FOO: 'bar#baz' }],
  ['FOO="bar#baz" # comment', { FOO: 'bar#baz' }],
  ["FOO='bar#baz' # comment", { FOO: 'bar#baz' }],
  ['FOO="one\ntwo"\nBAR=3', { FOO: 'one\ntwo', BAR: '3' }],
  ["KEY='-----BEGIN\nx=y\n-----END'\nB=1", { KEY: '-----BEGIN\nx=y\n-----END', B: '1' }],
  ['FOO=test\nBAR=$FOO', { FOO: 'test', BAR: 'test' }],
  ['FOO=test\nBAR=${FOO}bar', { FOO: 'test', BAR: 'testbar' }],
  ['BAR=$FOO', { BAR: '' }],
  ['BAR=${FOO:-x y}', { BAR: 'x y' }],
  ['FOO=test\nBAR="quote $FOO"', { FOO: 'test', BAR: 'quote test' }],
  ["BAR='quote $FOO'", { BAR: 'quote $FOO' }],
  ['FOO="foo\\$BAR"', { FOO: 'foo$BAR' }],
  ['FOO=test\nBAR="foo\\${FOO} ${FOO}"', { FOO: 'test', BAR: 'foo${FOO} test' }],
  ['A=$HOME_ENV', { A: 'mine' }],
  ['SHARED=inner\nA=$SHARED', { SHARED: 'inner', A: 'outer' }],
  ['HOME_ENV\nNOT_THERE', { HOME_ENV: 'mine' }],
  ['FOO=$(touch /tmp/x)', {}],
  ['FOO=`touch /tmp/x`', { FOO: '`touch /tmp/x`' }],
  ['FOO=1\nFOO=2', { FOO: '2' }],
])('%j', (text, values) => {
  expect({ ...parse(text).value }).toEqual(values)
})

test('names that mean something to JavaScript are only names', () => {
  const { value } = parse('__proto__=1\nconstructor=2\nA=${toString:-unset}')
  expect(Object.entries(value)).toEqual([
    ['__proto__', '1'],
    ['constructor', '2'],
    ['A', 'unset'],
  ])
})

test('each line that is no assignment is a problem at its line, without what it holds; the others count', () => {
  const { value, problems } = parse('A=1\nhidden words\nB=\'hidden\nC=3\nD="x" y\n=v\nE=$1\nF=${F:?needed}\n')
  expect(problems.map(({ code, at }) => `${code} ${at?.line}`)).toEqual(
    [2, 3, 5, 6, 7, 8].map((line) => `CONFIG_SYNTAX ${line}`),
  )
  expect(JSON.stringify(problems)).not.toMatch(/hidden/)
  expect({ ...value }).toEqual({ A: '1', C: '3' })
})

test('the .env beside the file may be missing, the one of --env-file may not', async () => {
  const folder = testFolder()
  const path = folder.join('.env')
  expect(await readEnvFile(path)).toEqual({ value: {}, problems: [] })
  const { problems } = await readEnvFile(path, { mustExist: true })
  expect(problems).toMatchObject([{ code: 'CONFIG_NOT_FOUND', summary: `There is no file ${path}` }])
  folder.write('.env', 'A=1')
  expect(await readEnvFile(path)).toEqual({ value: { A: '1' }, problems: [] })
})

test('a .env that cannot be read is a problem in either case', async () => {
  expect((await readEnvFile(testFolder().path)).problems).toMatchObject([{ code: 'CONFIG_UNREADABLE' }])
  const big = testFolder().write('.env', `A=${'x'.repeat(300_000)}`)
  expect((await readEnvFile(big)).problems).toMatchObject([{ code: 'CONFIG_UNREADABLE' }])
})

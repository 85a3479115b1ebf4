// Variables as Docker Compose has them (its own cases are the first table), each problem at its variable.

import { expect, test } from 'vitest'
import { parseDocument } from '../../src/config/document.ts'
import { interpolateTree } from '../../src/config/interpolate.ts'

const environment: Record<string, string> = { FOO: 'first', BAR: '', PORT: '9000', TRICK: 'a: {b: [1, "' }
const lookup = (name: string) => (Object.hasOwn(environment, name) ? environment[name] : undefined)
const run = (text: string) => interpolateTree(parseDocument({ path: '/p/tunnels.yaml', text }).value, lookup)
const fill = (text: string) => {
  const { value, problems } = run(`v: '${text.replaceAll("'", "''")}'`)
  return { value: (value.value as { v: string }).v, summaries: problems.map(({ summary }) => summary) }
}

test.each<[string, string]>([
  ['foo', 'foo'],
  ['$${foo}', '${foo}'],
  ['$$FOO and $$$FOO', '$FOO and $first'],
  ['$FOO-bar', 'first-bar'],
  ['This $FOO var', 'This first var'],
  ['This ${FOO} var', 'This first var'],
  ['This ${BAR} var', 'This  var'],
  ['ok ${missing:-def}', 'ok def'],
  ['ok ${missing-def}', 'ok def'],
  ['ok ${BAR:-def}', 'ok def'],
  ['ok ${FOO:-def}', 'ok first'],
  ['ok ${BAR-def}', 'ok '],
  ['ok ${BAR:-/non:-alphanumeric}', 'ok /non:-alphanumeric'],
  ['ok ${UNSET_VAR-$FOO}', 'ok first'],
  ['ok ${UNSET_VAR-${FOO}}', 'ok first'],
  ['ok ${UNSET_VAR-${FOO} ${FOO}}', 'ok first first'],
  ['ok ${BAR:-$FOO}', 'ok first'],
  ['ok ${BAR:-${FOO} ${FOO}}', 'ok first first'],
  ['ok ${FOO:?err}', 'ok first'],
  ['ok ${FOO?err}', 'ok first'],
  ['ok ${BAR?err}', 'ok '],
  ['${UNSET_VAR-myerror?msg}', 'myerror?msg'],
  ['${FOO?bar-baz}', 'first'],
  ['${UNSET-va:-lu:?e}', 'va:-lu:?e'],
  ['${FOO+va?lu-e}', 'va?lu-e'],
  ['ok ${FOO:+alt}', 'ok alt'],
  ['ok ${BAR:+alt}', 'ok '],
  ['ok ${BAR+alt}', 'ok alt'],
  ['ok ${missing:+alt}', 'ok '],
  ['ok ${missing+alt}', 'ok '],
  ['${FOO:+$FOO-${BAR:-${PORT}}}', 'first-9000'],
  ['${FOO:-${missing}}', 'first'],
  ['${missing:+${gone}}', ''],
  ['${missing:-}', ''],
  ['${missing:-$$FOO}', '$FOO'],
  ['${missing:-{x}}', '{x}'],
  ['a${FOO}b$PORT.c', 'afirstb9000.c'],
  ['é$FOO', 'éfirst'],
])('%j becomes %j', (template, value) => {
  expect(fill(template)).toEqual({ value, summaries: [] })
})

test.each<[string, string]>([
  ['${', '"${" is no variable'],
  ['$}', '"$" is no variable'],
  ['${}', '"${}" is no variable'],
  ['${ }', '"${ }" is no variable'],
  ['${ foo}', '"${ foo}" is no variable'],
  ['${foo }', '"${foo }" is no variable'],
  ['${foo!}', '"${foo!}" is no variable'],
  ['${FOO', '"${FOO" is no variable'],
  ['${FOO:-${BAR}', '"${FOO:-${BAR}" is no variable'],
  ['cost $1', '"$" is no variable'],
  ['end$', '"$" is no variable'],
  ['$missing', 'The variable missing is not set'],
  ['${missing}', 'The variable missing is not set'],
  ['${UNSET_VAR:?Mandatory Variable Unset}', 'The variable UNSET_VAR is not set: Mandatory Variable Unset'],
  ['${BAR:?Mandatory Variable Empty}', 'The variable BAR is empty: Mandatory Variable Empty'],
  ['${UNSET_VAR:?}', 'The variable UNSET_VAR is not set'],
  ['${UNSET_VAR?bar-baz}', 'The variable UNSET_VAR is not set: bar-baz'],
  ['${UNSET_VAR:?Mandatory ${FOO}}', 'The variable UNSET_VAR is not set: Mandatory first'],
  ['${missing:-${gone}}', 'The variable gone is not set'],
])('%j is a problem: %s', (template, summary) => {
  expect(fill(template).summaries).toEqual([summary])
})

test.each<[string, string]>([
  ['to: ${', '1:5+2'],
  ['to: host:${PRT}', '1:10+6'],
  ['to: "host:${PRT}"', '1:11+6'],
  ["to: 'é𝒳:$PRT'", '1:9+4'],
  ['to: "a\\tb ${PRT}"', '1:5+13'],
  ['to: |\n  a ${PRT}\n', '1:5+1'],
  ['a: { b: [x, "${A!}"] }', '1:14+5'],
])('%j: the problem stands at %s', (text, place) => {
  const { problems } = run(text)
  expect(problems).toHaveLength(1)
  expect(`${problems[0]!.at?.line}:${problems[0]!.at?.column}+${problems[0]!.span}`).toBe(place)
})

test('every problem of a file comes, each with its code and path', () => {
  const { problems } = run('forwards:\n  web: { to: "$A $B", via: "${" }\nhosts: { a: { user: $C } }')
  expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual([
    'CONFIG_VARIABLE forwards.web.to',
    'CONFIG_VARIABLE forwards.web.to',
    'CONFIG_VARIABLE forwards.web.via',
    'CONFIG_VARIABLE hosts.a.user',
  ])
})

test('only string values are filled: keys, numbers and x- subtrees stay', () => {
  const { value, problems } = run('$FOO: 1\na: [$PORT, true]\nx-a: { b: $UNSET }\nb: { x-c: "$" }')
  expect(structuredClone(value.value)).toEqual({
    $FOO: 1,
    a: ['9000', true],
    'x-a': { b: '$UNSET' },
    b: { 'x-c': '$' },
  })
  expect(problems).toEqual([])
})

test('what a variable holds is text, never structure and never filled again', () => {
  const { value } = run('a: $TRICK\nb: ${UNSET:-$$PORT}')
  expect(structuredClone(value.value)).toEqual({ a: environment.TRICK, b: '$PORT' })
})

test('all names are listed, also in defaults that are not needed', () => {
  const { variables } = run('a: ${FOO:-${INNER:-$DEEP}}\nb: [$BAR, $$NOT]\nx-c: $NOT')
  expect(variables).toEqual(['BAR', 'DEEP', 'FOO', 'INNER'])
})

test('a value of another file is reported there, and what is not broken is filled in', () => {
  const { value, problems } = run('a: "$FOO:${GONE}"')
  expect((value.value as { a: string }).a).toBe('first:')
  expect(problems[0]!.at?.file).toBe('/p/tunnels.yaml')
  expect(problems[0]!.hint).toBe('Set it in the environment or in .env, or write ${GONE:-default}')
})

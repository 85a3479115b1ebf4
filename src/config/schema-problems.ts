// What the compiled schema found, as problems: one human sentence for each mistake, never the noise of keywords
// that only say that another keyword failed.

import type { Problem } from '../model/problem.ts'
import { type SchemaError, schemaKeys } from './generated/validate-schema.js'
import { problemAt, valueAt } from './reading.ts'
import { formatChoice } from './scalars.ts'
import { suggest } from './suggest.ts'
import { formatPointer, type Plain, pointer, type Tree } from './tree.ts'

export interface SchemaProblem {
  path: string
  problem: Problem
  /** About the form of a text, which whoever parses the text says better; it stands only when nobody does. */
  isDoubt: boolean
}

export function explainSchemaErrors(tree: Tree, errors: readonly SchemaError[]): SchemaProblem[] {
  return errors.flatMap((error) => explain(tree, error, errors) ?? [])
}

function explain(tree: Tree, error: SchemaError, all: readonly SchemaError[]): SchemaProblem | null {
  const path = error.instancePath
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(tree, path, String(error.params.additionalProperty))
    case 'propertyNames':
      return badName(tree, path + pointer(String(error.params.propertyName)))
    case 'required':
      return missingKey(tree, path, String(error.params.missingProperty))
    case 'type':
      return says(tree, path, `${typeComplaint(tree, error)}`)
    case 'anyOf':
      return badChoice(tree, path, all)
    case 'minItems':
      return says(tree, path, 'must not be an empty list', true)
    case 'minimum':
    case 'maximum':
    case 'minLength':
    case 'pattern':
      return isPartOfAnother(error) ? null : says(tree, path, `must be ${wantedBy(error)}`, true)
    default:
      return null
  }
}

/** The branch of an anyOf, or the pattern of a name: reported by the keyword around it. */
function isPartOfAnother({ schemaPath }: SchemaError): boolean {
  return /\/anyOf\/|\/propertyNames\/|^#\/definitions\/name\//.test(schemaPath)
}

function says(tree: Tree, path: string, complaint: string, isDoubt = false): SchemaProblem {
  const subject = path === '' ? 'The file' : formatPointer(path)
  return { path, isDoubt, problem: problemAt(tree, path, 'CONFIG_SCHEMA', `${subject} ${complaint}`) }
}

function unknownKey(tree: Tree, parent: string, key: string): SchemaProblem {
  const path = parent + pointer(key)
  const subject = parent === '' ? 'The file' : formatPointer(parent)
  const summary = `${subject} has the unknown key ${key}`
  const problem = problemAt(tree, path, 'CONFIG_UNKNOWN_KEY', summary, 'key')
  const hint = keyHint(parent, key)
  return { path, isDoubt: false, problem: hint ? { ...problem, hint } : problem }
}

function keyHint(parent: string, key: string): string | undefined {
  const map = mapName(parent)
  const known = schemaKeys[map] ?? []
  const near = suggest(key, known)
  if (near) return `Did you mean ${near}?`
  if (map !== 'host' && schemaKeys.host?.includes(key))
    return `${key} is an option of a host: write it under hosts`
  if (map !== 'forward' && schemaKeys.forward?.includes(key)) return `${key} is a key of a forward`
  if (/^(password|passphrase)$/.test(key)) return `Secrets have no place in this file: see ${key}_env`
  return known.length > 0 && known.length < 10 ? `Known here: ${formatChoice(known)}` : undefined
}

/** The name under which `schemaKeys` lists the keys of the map at a pointer. */
function mapName(path: string): string {
  const [section, ...rest] = path.split('/').slice(1)
  if (section === 'defaults' && rest.length === 0) return 'defaults'
  const inside = [section === 'defaults' ? rest[0] : section, ...rest.slice(1)]
  const entry = { hosts: 'host', forwards: 'forward' }[inside[0] ?? '']
  return entry ? [entry, ...inside.slice(1)].join('/') : ''
}

function badName(tree: Tree, path: string): SchemaProblem | null {
  const isVariable = path.includes('/env/')
  const rule = isVariable
    ? 'is no name of an environment variable'
    : 'is no good name: letters, digits, dot, dash and underscore, beginning with a letter or a digit, at most 64'
  // A destination that a short form gave options to is no name of the file.
  if (!tree.places.has(path)) return null
  const summary = `${formatPointer(path)} ${rule}`
  return { path, isDoubt: false, problem: problemAt(tree, path, 'CONFIG_SCHEMA', summary, 'key') }
}

function missingKey(tree: Tree, parent: string, key: string): SchemaProblem {
  const path = parent + pointer(key)
  const summary = `${formatPointer(path)} is missing`
  return { path, isDoubt: false, problem: problemAt(tree, path, 'CONFIG_SCHEMA', summary, 'key') }
}

function badChoice(tree: Tree, path: string, all: readonly SchemaError[]): SchemaProblem {
  const sibling = all.find((error) => error.keyword === 'enum' && error.instancePath === path)
  const words = (sibling?.params.allowedValues ?? []) as string[]
  const found = says(tree, path, `must be ${formatChoice(words)}`)
  const near = suggest(String(valueAt(tree.value, path)), words)
  return near ? { ...found, problem: { ...found.problem, hint: `Did you mean ${near}?` } } : found
}

function typeComplaint(tree: Tree, error: SchemaError): string {
  const value = valueAt(tree.value, error.instancePath)
  return value === null
    ? `has no value: it must be ${wantedBy(error)}`
    : `must be ${wantedBy(error)}, not ${kindOf(value)}`
}

/** By the name of the definition that failed; else by the types that it allows. */
const WANTED: Record<string, string> = {
  boolean: 'true or false',
  count: 'a whole number',
  duration: 'a duration such as 15s',
  port: 'a port from 1 to 65535',
  hostname: 'a host name or an IP address',
  destination: 'a host or a destination [user@]host[:port]',
  environmentVariable: 'the name of an environment variable',
  algorithms: 'names separated by commas',
  files: 'a path or a list of paths',
  listen: 'a port, address:port or the path of a Unix socket',
  target: 'host:port, a port or the path of a Unix socket',
  host: 'a destination or a map',
  forward: 'a short form such as "-L 8080:host:80 acme" or a map',
}
const TYPES: Record<string, string> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
}

function wantedBy({ schemaPath, params, instancePath }: SchemaError): string {
  const definition = /#\/definitions\/(\w+)\/\w+$/.exec(schemaPath)?.[1] ?? entryKind(instancePath)
  const wanted = definition === undefined ? undefined : WANTED[definition]
  if (wanted) return wanted
  const types = [params.type].flat().filter((type) => typeof type === 'string' && type !== 'null')
  return types.length > 0
    ? formatChoice(types.map((type) => TYPES[String(type)] ?? String(type)))
    : 'written differently'
}

function entryKind(path: string): string | undefined {
  const [, section] = /^\/(hosts|forwards)\/[^/]+$/.exec(path) ?? []
  return section === undefined ? undefined : { hosts: 'host', forwards: 'forward' }[section]
}

function kindOf(value: Plain | undefined): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  return typeof value === 'number' ? 'a number' : typeof value === 'boolean' ? `${value}` : 'a text'
}

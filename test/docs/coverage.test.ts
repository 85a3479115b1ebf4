// Nothing is only promised: each key of the schema and each command and option of the binary is described in the pages,
// and used by a test that runs the built binary.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** The text of all files below a folder that end so. */
function textsIn(folder: string, ending: RegExp): string {
  const names = readdirSync(join(root, folder), { recursive: true }).map(String)
  return names
    .filter((name) => ending.test(name))
    .map((name) => read(join(folder, name)))
    .join('\n')
}

/** Tests of the binary, and the files of examples/ that they bring up. */
const used = `${textsIn('test/e2e', /\.ts$/)}\n${textsIn('test/faults', /\.ts$/)}\n${textsIn('examples', /\.yaml$/)}`

function keysIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const own = 'properties' in schema ? Object.keys(schema.properties as object) : []
  return [...own, ...Object.values(schema).flatMap(keysIn)]
}

const isWordIn = (text: string) => (word: string) => new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(text)
const without = (words: Iterable<string>, text: string) =>
  [...new Set(words)].filter((word) => !isWordIn(text)(word))

test('every key', () => {
  const keys = keysIn(JSON.parse(read('schema/tunnels.schema.json')))
  expect(keys.length).toBeGreaterThan(60)
  expect(without(keys, read('docs/configuration.md'))).toEqual([])
  expect(without(keys, used)).toEqual([])
})

test('every command and option', () => {
  const source = textsIn('src/cli', /(verbs-|program|global-options|examples).*\.ts$/)
  const verbs = [...source.matchAll(/add\(\s*'([a-z]+)[ ']/g)].map(([, verb]) => verb!)
  const options = [...source.matchAll(/'(?:-\w, )?(--[a-z-]+)[ ']/g)].map(([, option]) => option!)
  expect(verbs.length).toBeGreaterThan(15)
  expect(options.length).toBeGreaterThan(15)
  const page = read('docs/commands.md')
  expect(without([...verbs, ...options], page)).toEqual([])
  expect(without([...verbs, ...options], used)).toEqual([])
})

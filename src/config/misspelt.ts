// One mistake, one problem: where a key that is needed is there under a name of its own, that name is what is wrong, and
// the schema says so (schema-problems.ts).

import { schemaKeys } from './generated/validate-schema.js'
import type { Section } from './reading.ts'
import { suggest } from './suggest.ts'

/** Whether the forward itself has an unknown key that was meant to be one of these. */
export function isMisspelt({ layers }: Section, keys: readonly string[]): boolean {
  const known = schemaKeys.forward ?? []
  const unknown = Object.keys(layers[0]?.map ?? {}).filter(
    (key) => !known.includes(key) && !key.startsWith('x-'),
  )
  return unknown.some((key) => keys.includes(suggest(key, known) ?? ''))
}

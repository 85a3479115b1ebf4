// Where a value of the file stands, and which variables brought it: what `tunnels config --origin` shows beside it.
// What the ssh configuration and the defaults fill in is not known here.

import type { Origin } from '../model/explained.ts'
import { formatPointer, type Place, pointer } from './tree.ts'

/** What is known of the merged files once they have become a Project. */
export interface Written {
  places: ReadonlyMap<string, Place>
  /** By pointer: the variables that are part of the value there. */
  reached: ReadonlyMap<string, ReadonlySet<string>>
  /** Of a variable: the environment, or the path of the file that has it. */
  sourceOf: (variable: string) => string
}

type FileOrigin = Extract<Origin, { from: 'file' }>

/** `keys` below the host or forward, the nearest place winning: its own, then the defaults'. Null: it stands nowhere. */
export function originInFile(
  written: Written,
  section: 'hosts' | 'forwards',
  name: string,
  keys: readonly string[],
): FileOrigin | null {
  const own = pointer(section, name, ...keys)
  const isOwn = written.places.has(own)
  const path = isOwn ? own : pointer('defaults', section, ...keys)
  const place = written.places.get(path)
  if (!place) return null
  const { file, line, column } = place.value
  const variables = variablesAt(written, path)
  return {
    from: 'file',
    file,
    line,
    column,
    ...(!isOwn && { path: formatPointer(path) }),
    ...(variables.length > 0 && { variables }),
  }
}

/** Those of its items, too, where it is a list. */
function variablesAt({ reached, sourceOf }: Written, path: string): { name: string; source: string }[] {
  const names = [...reached].flatMap(([at, variables]) => {
    return at === path || at.startsWith(`${path}/`) ? [...variables] : []
  })
  return [...new Set(names)].sort().map((name) => ({ name, source: sourceOf(name) }))
}

// One forward: which kind it is, which host carries it, where it listens and where it goes. Its options are
// forward-options.ts's.

import type { ListenSpec, Target } from '../model/address.ts'
import type { ForwardKind, ForwardSpec } from '../model/project.ts'
import { readDestination } from './destination.ts'
import { readOptions } from './forward-options.ts'
import { parseListen } from './listen.ts'
import { isMisspelt } from './misspelt.ts'
import { refused } from './parsed.ts'
import { applies, find, openSection, type Reading, read, report, type Section } from './reading.ts'
import { type References, resolveReference } from './references.ts'
import { parseList, parseText } from './scalars.ts'
import { parseTarget } from './target.ts'
import { pointer } from './tree.ts'

const KINDS = ['local', 'remote', 'dynamic'] as const

/** Where it listens and goes, as far as that could be read. */
export interface Ends {
  kind: ForwardKind
  listen: ListenSpec | undefined
  to: Target | undefined
}

/** What is known of a forward even when it cannot be had: enough to see who would use which host. */
export interface ForwardDraft {
  name: string
  via: string
  profiles: string[]
  /** Null when something needed is missing or wrong. */
  spec: ForwardSpec | null
}

export function readForward(reading: Reading, name: string, references: References): ForwardDraft {
  const path = pointer('forwards', name)
  const section = openSection(reading, path, '/defaults/forwards')
  const draft: ForwardDraft = { name, via: '', profiles: [], spec: null }
  if (section.layers[0]?.path !== path) return draft
  const via = readVia(section, path, references)
  const profiles = read(section, 'profiles', parseList(parseText)) ?? []
  const ends = readEnds(section, path)
  const options = ends && readOptions(section, ends)
  if (via !== undefined && ends?.listen && ends.to && options) {
    const { kind, listen, to } = ends
    draft.spec = { name, kind, via, listen, to, profiles, ...options }
    const at = reading.tree.places.get(path)?.key
    if (at) draft.spec.at = at
  }
  return { ...draft, via: via ?? '', profiles }
}

function readVia(section: Section, path: string, references: References): string | undefined {
  if (!find(section, 'via')) {
    if (isMisspelt(section, ['via'])) return undefined
    const complaint = 'is missing: the host that carries the forward'
    report(section.reading, `${path}/via`, { complaint }, 'CONFIG_SCHEMA', 'key')
    return undefined
  }
  const destination = read(section, 'via', readDestination)
  if (!destination) return undefined
  const reference = resolveReference(destination, references)
  if (reference.ok) return reference.value
  report(section.reading, find(section, 'via')!.path, reference, 'CONFIG_REFERENCE')
  return undefined
}

function readEnds(section: Section, path: string): Ends | null {
  const kind = readKind(section, path)
  if (!kind) return null
  const listen = read(section, kind, (value, base) =>
    parseListen(value, kind === 'remote' ? 'there' : 'here', base),
  )
  return { kind, listen, to: readTo(section, path, kind) }
}

/** The forward's own kind; that of the defaults only where it has none. */
function readKind(section: Section, path: string): ForwardKind | null {
  const [own] = section.layers
  const candidates = [own, section.layers[1]].map((layer) =>
    KINDS.filter((kind) => layer && Object.hasOwn(layer.map, kind)),
  )
  const kinds = candidates[0]!.length > 0 ? candidates[0]! : candidates[1]!
  const [kind, ...more] = kinds
  if (!kind && !isMisspelt(section, KINDS)) {
    const complaint = 'needs one of local, remote and dynamic: where it listens'
    report(section.reading, path, { complaint }, 'CONFIG_SCHEMA', 'key')
  }
  for (const other of more) {
    const complaint = `is one too many: the forward already has ${kind}`
    report(
      section.reading,
      find(section, other)!.path,
      { complaint, hint: 'Keep one of local, remote and dynamic' },
      'CONFIG_CONFLICT',
      'key',
    )
  }
  return kind ?? null
}

function readTo(section: Section, path: string, kind: ForwardKind): Target | undefined {
  if (kind === 'dynamic') {
    applies(section, 'to', false, 'has no place beside dynamic: each SOCKS client says where it wants to go')
    return { kind: 'socks' }
  }
  if (!find(section, 'to')) {
    if (isMisspelt(section, ['to'])) return undefined
    const complaint = 'is missing: where connections go'
    report(section.reading, `${path}/to`, { complaint }, 'CONFIG_SCHEMA', 'key')
    return undefined
  }
  return read(section, 'to', (value, base) => {
    if (value === 'socks' && kind === 'local')
      return refused('can be socks only with remote', 'Write dynamic instead of local')
    return parseTarget(value, kind === 'remote' ? 'here' : 'there', base)
  })
}

// Names of forwards, hosts and profiles as the files have them, for completion. Read as text and taken apart, no more:
// variables stay, nothing is checked, what is broken has the names that can be made out.

import { parseDocument } from '../config/document.ts'
import { findFiles } from '../config/find.ts'
import { readSource } from '../config/read.ts'
import { parseShortForm } from '../config/short-form.ts'
import { isMap, type Plain } from '../config/tree.ts'
import type { Completing } from './complete.ts'

export interface CompletionNames {
  forwards: string[]
  hosts: string[]
  profiles: string[]
}

/** `named`: what -f names. Never waits for standard input. */
export async function readNames(named: string[], { env, cwd }: Completing): Promise<CompletionNames> {
  const found = await findFiles({ files: named, env: { ...env }, cwd })
  const files = (found.value?.files ?? []).filter((file) => file !== '-')
  const all = { forwards: new Set<string>(), hosts: new Set<string>(), profiles: new Set<string>() }
  for (const file of files) {
    const { value: source } = await readSource(file)
    const { value } = source ? parseDocument(source).value : { value: null }
    if (!isMap(value)) continue
    for (const name of keysOf(value.hosts)) all.hosts.add(name)
    const usual = isMap(value.defaults) ? viaOf(value.defaults.forwards) : []
    for (const via of usual) all.hosts.add(via)
    const forwards = isMap(value.forwards) ? value.forwards : {}
    for (const [name, forward] of Object.entries(forwards)) {
      all.forwards.add(name)
      for (const via of viaOf(forward)) all.hosts.add(via)
      for (const profile of profilesOf(forward)) all.profiles.add(profile)
    }
  }
  return { forwards: plain(all.forwards), hosts: plain(all.hosts), profiles: plain(all.profiles) }
}

function keysOf(value: Plain | undefined): string[] {
  return isMap(value) ? Object.keys(value) : []
}

/** A host that only forwards name needs no entry under `hosts`. */
function viaOf(forward: Plain | undefined): string[] {
  const short = typeof forward === 'string' ? parseShortForm(forward) : null
  const via = short?.ok ? short.value.pieces.via?.value : isMap(forward) ? forward.via : undefined
  return typeof via === 'string' ? [via] : []
}

function profilesOf(forward: Plain): string[] {
  const profiles = isMap(forward) && Array.isArray(forward.profiles) ? forward.profiles : []
  return profiles.filter((profile) => typeof profile === 'string')
}

/** What the shell puts into the line is run by whoever presses Enter: no name that is none. */
function plain(names: ReadonlySet<string>): string[] {
  return [...names].filter((name) => /^(?!x-)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
}

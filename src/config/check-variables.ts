// Two selected forwards that would give programs the same variable: which of the two values came last would decide
// what a program connects to.

import type { ForwardSpec } from '../model/project.ts'
import { placeholdersOf, prefixOf, prefixVariables } from '../model/variables.ts'
import { type Reading, report } from './reading.ts'
import { pointer } from './tree.ts'

/** Prefixes first: they are what most forwards have. Templates are compared with them, and with each other. */
export function checkVariables(reading: Reading, forwards: readonly ForwardSpec[]): void {
  checkPrefixes(reading, forwards)
  const ofPrefix = new Map(
    forwards.flatMap((forward) =>
      prefixVariables(forward, forward.listen.kind === 'unix').map((name) => [name, forward.name] as const),
    ),
  )
  const taken = new Map<string, { owner: string; template: string }>()
  for (const { name: owner, env } of forwards) {
    for (const [variable, template] of Object.entries(env)) {
      const other = taken.get(variable)
      const named = ofPrefix.get(variable)
      // Its own it may say otherwise.
      if (named !== undefined && named !== owner) {
        const complaint = `would set ${variable}, which is where forwards.${named} is`
        complain(reading, owner, ['env', variable], complaint, `Rename it, or give ${named} an env_prefix`)
      } else if (other === undefined) taken.set(variable, { owner, template })
      // The defaults may give every forward the same.
      else if (other.template !== template || placeholdersOf(template).length > 0) {
        const complaint = `would set ${variable}, as forwards.${other.owner} does`
        complain(reading, owner, ['env', variable], complaint)
      }
    }
  }
}

function checkPrefixes(reading: Reading, forwards: readonly ForwardSpec[]): void {
  const taken = new Map<string, string>()
  for (const forward of forwards) {
    const prefix = prefixOf(forward)
    if (prefix === null) continue
    const other = taken.get(prefix)
    if (other === undefined) taken.set(prefix, forward.name)
    else {
      const complaint = `would set the same variables as forwards.${other}: ${prefix}_HOST and ${prefix}_PORT`
      complain(reading, forward.name, ['env_prefix'], complaint, 'Rename one, or give it an env_prefix')
    }
  }
}

/** Where it is written, else at the forward: the defaults may have brought it. */
function complain(reading: Reading, forward: string, keys: string[], complaint: string, hint?: string): void {
  const own = pointer('forwards', forward, ...keys)
  const path = reading.tree.places.has(own) ? own : pointer('forwards', forward)
  report(reading, path, { complaint, ...(hint && { hint }) }, 'CONFIG_CONFLICT', 'key')
}

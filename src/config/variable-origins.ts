// Where the value of a variable comes from: the environment, or `.env`, whose values may be made of others. Decides
// which variables may carry what nobody wants to send to a stranger's server.

import type { Lookup } from './variable.ts'

/** By name of a variable of `.env`: the variables that its value is made of. */
export type EnvFileUses = ReadonlyMap<string, ReadonlySet<string>>

/** Names of the variables whose values a variable may carry; empty for one that is nobody's secret. */
export type OriginsOf = (name: string) => string[]

/**
 * `environment`: the caller's alone. What `.env` holds counts, too: it is where people keep their secrets, and whether
 * it came with the clone or was written by its user cannot be told.
 */
export function traceVariables(environment: Lookup, uses: EnvFileUses): OriginsOf {
  return (name) => {
    const origins = new Set<string>()
    for (const queue = [name]; queue.length > 0; ) {
      const at = queue.pop()!
      const isOfCaller = environment(at) !== undefined
      if (origins.has(at) || (isOfCaller && isHarmless(at))) continue
      origins.add(at)
      if (!isOfCaller) queue.push(...(uses.get(at) ?? []))
    }
    return [...origins].sort()
  }
}

function isHarmless(name: string): boolean {
  return name === 'USER' || name === 'HOME' || name.startsWith('XDG_')
}

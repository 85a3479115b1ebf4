// `tunnels hostkeys`: the keys of hosts as a block to paste, from known_hosts, or with --scan from the servers.

import { suggest } from '../config/suggest.ts'
import type { HostKeysFound } from '../model/host-keys.ts'
import { ProblemError } from '../model/problem.ts'
import type { Ask } from '../model/prompt.ts'
import type { WantedHost } from '../model/wanted.ts'
import { findHostKeys } from '../supervisor/host-keys.ts'
import { loadWanted } from '../supervisor/load-wanted.ts'
import { formatHostKeys } from '../view/host-keys.ts'
import { formatJson } from '../view/json.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { askHere, canAsk } from './questions.ts'
import { loadSelection, showProblems } from './selection.ts'
import { withAgreement } from './up.ts'

export interface HostkeysArguments {
  /** Hosts; none: all that the forwards need. */
  names: string[]
  scan: boolean
  /** Agree to what the files may do, to be able to ask. */
  trust: boolean
}

export async function hostkeys(
  invocation: Invocation,
  { names, scan, trust }: HostkeysArguments,
): Promise<number> {
  const read = await loadSelection(invocation, null)
  if (!read) return EXIT.usage
  // To look into known_hosts needs nobody's trust; to go to a server does.
  const loaded = scan ? await withAgreement(invocation, read, trust) : read
  if (typeof loaded === 'number') return loaded
  const { wanted } = await loadWanted(loaded.selection, scan ? {} : { untrusted: 'leave out' })
  const meant = hostsMeant(wanted.hosts, names)
  const found = await findHostKeys(wanted.hosts, meant, { scan, ...asking(invocation), signal: forEver })
  tell(invocation, found, scan)
  return found.some(({ problem }) => problem) ? EXIT.failed : EXIT.fine
}

const forEver = new AbortController().signal

/** A host that is reached in two ways has its keys once. */
function hostsMeant(hosts: ReadonlyMap<string, WantedHost>, names: readonly string[]): string[] {
  const ways = new Map([...hosts.keys()].reverse().map((way) => [way.split(' via ')[0]!, way]))
  const unknown = names.filter((name) => !ways.has(name))
  if (unknown.length > 0) throw new ProblemError(unknown.map((name) => unknownHost(name, [...ways.keys()])))
  return names.length > 0 ? names.map((name) => ways.get(name)!) : [...ways.values()].reverse()
}

function unknownHost(name: string, known: string[]) {
  const meant = suggest(name, known)
  return {
    code: 'USAGE' as const,
    summary: `No forward that is selected needs a host named ${name}`,
    ...(meant && { hint: `Did you mean ${meant}?` }),
  }
}

function asking(invocation: Invocation): { ask?: Ask } {
  if (!canAsk(invocation)) return {}
  const ask: Ask = async (question, signal) => {
    const answers = await askHere(invocation, question, signal)
    if (answers === 'interrupt') process.kill(process.pid, 'SIGINT')
    return answers === 'interrupt' ? null : answers
  }
  return { ask }
}

function tell(invocation: Invocation, hosts: HostKeysFound[], scan: boolean): void {
  const { terminal, options } = invocation
  if (options.json) return terminal.print(`${formatJson({ vouched: !scan, hosts }, 2)}\n`)
  terminal.print(formatHostKeys(hosts))
  const problems = hosts.flatMap(({ problem }) => problem ?? [])
  showProblems(invocation, problems)
  if (scan && hosts.some(({ keys }) => keys.length > 0)) terminal.complain(UNVOUCHED)
}

const UNVOUCHED =
  "Nobody vouches for these keys: whoever answered may be anybody. Compare them with what the servers' owners say before you use them."

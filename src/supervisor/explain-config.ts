// What `tunnels config --origin` is told: one look at the files and the ssh configuration, of which nothing is opened.

import type { Selection } from '../control/protocol.ts'
import type { Explained } from '../model/explained.ts'
import type { Problem } from '../model/problem.ts'
import { type TrustKind, untrustedProblems } from '../model/trust.ts'
import { explain } from '../resolve/explain.ts'
import { loadWanted } from './load-wanted.ts'

/** Parts without which ssh is not asked about a host. */
const ASKING: ReadonlySet<TrustKind> = new Set(['ssh_config', 'variable'])

/**
 * Rejects with a ProblemError where files, or the ssh configuration, are not right. `problems`: warnings, and and for
 * what ssh was not asked about a host because it waits for trust.
 */
export async function explainConfig(
  selection: Selection,
): Promise<{ explained: Explained; problems: Problem[] }> {
  const loaded = await loadWanted(selection, { untrusted: 'leave out' })
  const { project, written, hosts, wanted, selected, warnings, trust } = loaded
  const waiting = untrustedProblems(trust.waiting.filter(({ kind }) => ASKING.has(kind)))
  return {
    explained: explain({ project, written, known: hosts, wanted: wanted.hosts }, selected),
    problems: [...warnings, ...waiting.map((problem) => ({ ...problem, severity: 'warning' as const }))],
  }
}

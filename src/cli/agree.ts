// Whether somebody agrees to what the files may do: asked once at the terminal, answered beforehand with --trust, and
// refused where there is nobody to ask.

import type { ControlClient } from '../control/client.ts'
import { type TrustItem, untrustedProblems } from '../model/trust.ts'
import { formatTrust } from '../view/trust.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { canAsk } from './questions.ts'
import { readLine } from './read-line.ts'
import { showProblems } from './selection.ts'

/** What waits, when these hashes have been agreed to. */
export type LookForTrust = (trusted: readonly string[]) => Promise<readonly TrustItem[]>

export interface AgreeOptions {
  /** `--trust`. */
  trust: boolean
  /** For code frames. */
  sources?: ReadonlyMap<string, string>
}

/** A configuration that says something else each time it is read would never come to an end. */
const MOST_ROUNDS = 8

/** Hashes of what was agreed to; an exit code where it was not, which has then been told. */
export async function agree(
  invocation: Invocation,
  look: LookForTrust,
  options: AgreeOptions,
): Promise<string[] | number> {
  const trusted: string[] = []
  let waiting = await look(trusted)
  // Only what was agreed to is looked into, and that may lead to more.
  for (let round = 0; waiting.length > 0 && round < MOST_ROUNDS; round++) {
    const answer = options.trust ? EXIT.fine : await ask(invocation, waiting, options)
    if (answer !== EXIT.fine) return answer
    trusted.push(...waiting.map(({ hash }) => hash))
    waiting = await look(trusted)
  }
  return waiting.length > 0 ? refuse(invocation, waiting, options) : trusted
}

/** Of the selection that a supervisor holds, with its files as they are now. */
export function waitingAt(client: ControlClient): LookForTrust {
  return async (trusted) => {
    const { waiting } = await client.trust({ trusted: [...trusted] })
    return waiting
  }
}

async function ask(
  invocation: Invocation,
  waiting: readonly TrustItem[],
  options: AgreeOptions,
): Promise<number> {
  if (!canAsk(invocation)) return refuse(invocation, waiting, options)
  const { terminal } = invocation
  const shown = formatTrust(waiting, { color: terminal.color.err, all: false, cwd: invocation.cwd })
  const above = ['The files may do what nobody has agreed to yet:', ...shown]
  const text = 'Agree to this? It is asked again only when it changes. [y/N] '
  const line = await readLine({ above, text, echo: true }, new AbortController().signal)
  if (line === 'interrupt') return EXIT.interrupt
  if (typeof line === 'object' && /^y(es)?$/i.test(line.typed.trim())) return EXIT.fine
  terminal.complain('Nothing was opened.')
  return EXIT.needsPerson
}

function refuse(invocation: Invocation, waiting: readonly TrustItem[], { sources }: AgreeOptions): number {
  showProblems(invocation, untrustedProblems(waiting), sources)
  return EXIT.needsPerson
}

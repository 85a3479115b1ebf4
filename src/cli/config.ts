// `tunnels config`: the file as it is understood (merged, interpolated, defaults filled in), or with `--quiet`
// (`tunnels validate`) only whether it is right.

import { formatConfig } from '../config/config-output.ts'
import { escapeInQuotes } from '../view/json.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { loadSelection } from './selection.ts'

/** `checkOnly`: as with `--quiet` nothing is printed, but warnings are shown. */
export async function config(invocation: Invocation, { checkOnly }: { checkOnly: boolean }): Promise<number> {
  const loaded = await loadSelection(invocation, null)
  if (!loaded) return EXIT.usage
  const { options, terminal } = invocation
  const text = formatConfig(loaded.project, { json: options.json })
  if (!options.quiet && !checkOnly) terminal.print(escapeInQuotes(text))
  return EXIT.fine
}

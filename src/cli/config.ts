// `tunnels config`: the file as it is understood (merged, interpolated, defaults filled in), or with `--quiet`
// only whether it is right.

import { formatConfig } from '../config/config-output.ts'
import { escapeInQuotes } from '../view/json.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { loadSelection } from './selection.ts'

export async function config(invocation: Invocation): Promise<number> {
  const loaded = await loadSelection(invocation, null)
  if (!loaded) return EXIT.usage
  const { options, terminal } = invocation
  const text = formatConfig(loaded.project, { json: options.json })
  if (!options.quiet) terminal.print(escapeInQuotes(text))
  return EXIT.fine
}

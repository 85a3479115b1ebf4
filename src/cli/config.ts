// `tunnels config`: the file as it is understood (merged, interpolated, defaults filled in), or with `--quiet`
// (`tunnels validate`) only whether it is right. With `--origin` every value in effect, and where it comes from.

import { formatConfig } from '../config/config-output.ts'
import { escapeInQuotes, formatJson } from '../view/json.ts'
import { formatOrigins } from '../view/origins.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { type LoadedSelection, loadSelection, showFurther } from './selection.ts'

/** `checkOnly`: as with `--quiet` nothing is printed, but warnings are shown. */
export async function config(
  invocation: Invocation,
  { checkOnly, withOrigin }: { checkOnly: boolean; withOrigin: boolean },
): Promise<number> {
  const loaded = await loadSelection(invocation, null)
  if (!loaded) return EXIT.usage
  const { options, terminal } = invocation
  const text = withOrigin
    ? await explain(invocation, loaded)
    : formatConfig(loaded.project, { json: options.json })
  if (!options.quiet && !checkOnly) terminal.print(escapeInQuotes(text))
  return EXIT.fine
}

/** Warnings about the files have been shown; those about the ssh configuration have not. */
async function explain(invocation: Invocation, loaded: LoadedSelection): Promise<string> {
  const { explainConfig } = await import('../supervisor/explain-config.ts')
  const { explained, problems } = await explainConfig(loaded.selection)
  showFurther(invocation, problems, loaded)
  const home = invocation.env.HOME ?? null
  return invocation.options.json
    ? `${formatJson(explained)}\n`
    : formatOrigins(explained, { folder: loaded.project.folder, home })
}

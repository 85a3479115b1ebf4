// `tunnels up`: makes what the file says so. Checks it, then joins the supervisor that runs for the project, or
// becomes it, in the foreground or in the background.

import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { loadSelection } from './selection.ts'

export interface UpArguments {
  names: string[]
  detach: boolean
  watch: boolean
  dryRun: boolean
}

export async function up(invocation: Invocation, args: UpArguments): Promise<number> {
  const names = args.names.length > 0 ? args.names : null
  if (args.dryRun) {
    const { plan } = await import('./plan.ts')
    return plan(invocation, { names: args.names, detailedExitcode: false, asUp: true })
  }
  const loaded = await loadSelection(invocation, names)
  if (!loaded) return EXIT.usage
  if (args.detach) {
    const { upDetached } = await import('./up-detached.ts')
    return upDetached(invocation, loaded, args)
  }
  const { upForeground } = await import('./up-foreground.ts')
  return upForeground(invocation, loaded, args)
}

// V8's compiled form of our own code, kept for the next start where Node can (from 22.8 on). It lies with this user's
// state, because Node's own choice is a temp folder that everybody can write to, and only where there is state already.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { stateHomeOf } from '../control/paths.ts'

type Enable = (folder: string) => unknown

/** To be called before the code that it is for is loaded. The user's NODE_COMPILE_CACHE goes first. Never throws. */
export function keepCompiledCode(enable: Enable, env: Readonly<Record<string, string | undefined>>): void {
  if (env.NODE_COMPILE_CACHE !== undefined || env.NODE_DISABLE_COMPILE_CACHE !== undefined) return
  const folder = stateHomeOf(env)
  if (existsSync(folder)) enable(join(folder, 'compile-cache'))
}

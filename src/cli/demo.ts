// `tunnels demo`: with a person to play with it, or to its end where there is none.

import { runDemo } from '../demo/demo.ts'
import type { Invocation } from './invocation.ts'

export function demo({ terminal, env, version }: Invocation, { once }: { once: boolean }): Promise<number> {
  const isAlone = once || Boolean(env.CI) || !process.stdin.isTTY || !process.stdout.isTTY
  return runDemo({ once: isAlone, out: process.stdout, color: terminal.color.out, version })
}

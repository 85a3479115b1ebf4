// `tunnels completion SHELL`: the script that a shell loads. What can stand where, it asks complete.ts each time, so that it
// is never older than the binary.

import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ProblemError } from '../model/problem.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'

/** By shell, the file of completion/. */
export const SHELLS: Readonly<Record<string, string>> = {
  bash: 'tunnels.bash',
  zsh: '_tunnels',
  fish: 'tunnels.fish',
}

export async function completion({ terminal, mainPath }: Invocation, shell: string): Promise<number> {
  const name = Object.hasOwn(SHELLS, shell) ? SHELLS[shell]! : null
  if (name === null) {
    const hint = `There are ${Object.keys(SHELLS).join(', ')}`
    throw new ProblemError({ code: 'USAGE', summary: `There is no completion for ${shell}`, hint })
  }
  terminal.print(await readFile(join(dirname(mainPath), '..', 'completion', name), 'utf8'))
  return EXIT.fine
}

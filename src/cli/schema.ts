// `tunnels schema`: prints the JSON Schema of tunnels.yaml, the very file that the loader checks with.

import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'

export async function schema({ terminal, mainPath }: Invocation): Promise<number> {
  const path = join(dirname(mainPath), '..', 'schema', 'tunnels.schema.json')
  terminal.print(await readFile(path, 'utf8'))
  return EXIT.fine
}

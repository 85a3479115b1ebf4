// `tunnels schema`: prints the JSON Schema of tunnels.yaml, the very file that the loader checks with.

import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'

export async function schema(invocation: Invocation): Promise<number> {
  invocation.terminal.print(await readFile(schemaFile(invocation), 'utf8'))
  return EXIT.fine
}

export function schemaFile({ mainPath }: Pick<Invocation, 'mainPath'>): string {
  return join(dirname(mainPath), '..', 'schema', 'tunnels.schema.json')
}

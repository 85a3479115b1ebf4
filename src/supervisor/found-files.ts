// What an override beside the file does while it runs. Which files there are is part of the selection, which only
// `up` changes: one that goes may be back in a moment, as an editor or git leaves it, and one that comes was not meant
// when somebody typed `up`. So both are said, and neither is acted upon.

import { dirname, join } from 'node:path'
import { findFiles } from '../config/find.ts'
import type { Selection } from '../control/protocol.ts'
import type { Problem } from '../model/problem.ts'

/** Files that may come to count at the next `up`. */
export function foundLater({ files, found }: Selection): string[] {
  if (!found) return []
  return ['yaml', 'yml'].map((ending) => join(dirname(files[0]!), `tunnels.override.${ending}`))
}

/** What is wrong with the files, with the remedy where a file that was found is gone, and with what `up` would find too. */
export async function withFoundFiles(
  { files, found }: Selection,
  problems: readonly Problem[],
): Promise<Problem[]> {
  if (!found) return [...problems]
  const now = await findFiles({ files: [], env: {}, cwd: dirname(files[0]!) })
  const there = now.value?.files ?? []
  if (there[0] !== files[0]) return [...problems]
  const fresh = there.filter((file) => !files.includes(file))
  return [...problems.map((problem) => withRemedy(problem)), ...fresh.map(notCounted)]
}

function withRemedy(problem: Problem): Problem {
  if (problem.code !== 'CONFIG_NOT_FOUND') return problem
  return { ...problem, hint: 'Put it back; or `tunnels up` takes the files as they are now' }
}

function notCounted(file: string): Problem {
  return {
    code: 'CONFIG_WARNING',
    severity: 'warning',
    summary: `${file} came after \`tunnels up\` and does not count yet`,
    hint: '`tunnels up` takes the files as they are now',
  }
}

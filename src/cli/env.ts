// `tunnels env`: the variables by which programs find the forwards, for a shell, a .env file or a script.

import { ProblemError } from '../model/problem.ts'
import type { Variables } from '../model/variables.ts'
import { formatJson } from '../view/json.ts'
import { formatDotenv, formatShell } from '../view/variables.ts'
import { findAddresses, refuseTroubled } from './addresses.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'

const formats = {
  shell: formatShell,
  dotenv: formatDotenv,
  json: (variables: Variables) => `${formatJson(variables, 2)}\n`,
}

/** `format`: as given; null for none. */
export async function env(
  invocation: Invocation,
  { names, format }: { names: string[]; format: string | null },
): Promise<number> {
  const write = formatOf(format ?? (invocation.options.json ? 'json' : 'shell'))
  const found = await findAddresses(invocation, names.length > 0 ? names : null)
  if (typeof found === 'number') return found
  const setting = found.filter(({ variables }) => variables === null || Object.keys(variables).length > 0)
  refuseTroubled(setting)
  if (setting.length === 0) invocation.terminal.note('None of these forwards sets a variable')
  const variables = Object.assign({}, ...setting.map((forward) => forward.variables)) as Variables
  invocation.terminal.print(write(variables))
  return EXIT.fine
}

function formatOf(name: string): (variables: Variables) => string {
  if (Object.hasOwn(formats, name)) return formats[name as keyof typeof formats]
  throw new ProblemError({
    code: 'USAGE',
    summary: `There is no format ${name}`,
    hint: `Formats are ${Object.keys(formats).join(', ')}`,
  })
}

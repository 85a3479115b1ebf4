// `password_env` and `passphrase_env` name a variable that holds a secret. One that is not set, or empty, would leave a
// door open to whoever sends an empty password: for what is selected it is a problem, as any unset variable.

import type { ForwardSpec, HostSpec } from '../model/project.ts'
import { type Reading, report } from './reading.ts'
import { pointer } from './tree.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** `hosts`: those that the forwards need, jumps included. */
export function checkSecrets(
  reading: Reading,
  { forwards, hosts }: { forwards: Iterable<ForwardSpec>; hosts: Iterable<HostSpec> },
  environment: Environment,
): void {
  for (const { name, auth } of forwards) {
    if (auth) checkSecret(reading, ['forwards', name, 'auth', 'password_env'], auth.passwordEnv, environment)
  }
  for (const { name, passwordEnv, passphraseEnv } of hosts) {
    checkSecret(reading, ['hosts', name, 'password_env'], passwordEnv, environment)
    checkSecret(reading, ['hosts', name, 'passphrase_env'], passphraseEnv, environment)
  }
}

/** Null where there is nothing to complain of. */
export function complainOfSecret(
  variable: string | undefined,
  environment: Environment,
): { complaint: string; hint: string } | null {
  if (variable === undefined || environment[variable]) return null
  const complaint = `names ${variable}, which is ${environment[variable] === '' ? 'empty' : 'not set'}`
  return { complaint, hint: `Set ${variable} in the environment or in .env` }
}

/** `keys`: where it stands, unless the defaults have it. */
function checkSecret(
  reading: Reading,
  keys: string[],
  variable: string | undefined,
  environment: Environment,
): void {
  const complaint = complainOfSecret(variable, environment)
  if (!complaint) return
  const own = pointer(...keys)
  const [section = '', , ...rest] = keys
  const path = reading.tree.places.has(own) ? own : pointer('defaults', section, ...rest)
  report(reading, path, complaint, 'CONFIG_VARIABLE')
}

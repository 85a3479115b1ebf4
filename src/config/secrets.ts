// `password_env` names a variable that holds a secret. One that is not set, or empty, would leave a door open to
// whoever sends an empty password: for a selected forward it is a problem, as any unset variable.

import type { ForwardSpec } from '../model/project.ts'
import { type Reading, report } from './reading.ts'
import { pointer } from './tree.ts'

export function checkSecrets(
  reading: Reading,
  forwards: Iterable<ForwardSpec>,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  for (const { name, auth } of forwards) {
    if (!auth || environment[auth.passwordEnv]) continue
    const complaint = `names ${auth.passwordEnv}, which is ${environment[auth.passwordEnv] === '' ? 'empty' : 'not set'}`
    const hint = `Set ${auth.passwordEnv} in the environment or in .env`
    const own = pointer('forwards', name, 'auth', 'password_env')
    const path = reading.tree.places.has(own) ? own : '/defaults/forwards/auth/password_env'
    report(reading, path, { complaint, hint }, 'CONFIG_VARIABLE')
  }
}

// What a command that is run for a host or a forward gets of our environment. A file of the project may decide about none of it:
// an SSH_ASKPASS in a cloned .env would be run.

const NAMES = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SSH_AUTH_SOCK', 'SSH_ASKPASS', 'LANG']

/** `caller`: the environment of who started it, without what .env adds. */
export function commandEnvironment(
  caller: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const isMeant = (name: string) => NAMES.includes(name) || name.startsWith('LC_')
  return Object.fromEntries(
    Object.entries(caller).filter((entry): entry is [string, string] => {
      return isMeant(entry[0]) && entry[1] !== undefined
    }),
  )
}

/** Of a healthcheck, which connects to a port of this machine: nothing with which it could log in anywhere. */
export function checkEnvironment(
  caller: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const { SSH_AUTH_SOCK, SSH_ASKPASS, ...rest } = commandEnvironment(caller)
  return rest
}

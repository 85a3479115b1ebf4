// Where an option of a host goes in tunnels.yaml, said so that a person can do it: a host that is declared has
// a place under `hosts:`, one that is only a destination has to be given one first.

import type { WantedHost } from '../model/wanted.ts'

/** A name that can stand under `hosts:`; a destination with a user, a port or an IPv6 address cannot. */
const DECLARABLE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** `set OPTION in hosts.NAME`, or how to declare the host with it. `option` is a line of YAML: `port: 22`. */
export function howToSet(host: WantedHost, option: string): string {
  const name = nameInFile(host)
  if (DECLARABLE.test(name)) return `set \`${option}\` in hosts.${name}`
  const keys = [
    `hostname: ${quote(host.hostname)}`,
    ...(host.port === 22 ? [] : [`port: ${host.port}`]),
    ...(name.includes('@') ? [`user: ${quote(host.user)}`] : []),
    option,
  ]
  return `declare the host, \`hosts: { server: { ${keys.join(', ')} } }\`, and write \`server\` where the file says \`${name}\``
}

/** `hosts.NAME` where there can be one, else the destination as the file has it. */
export function placeInFile(host: WantedHost): string {
  const name = nameInFile(host)
  return DECLARABLE.test(name) ? `hosts.${name}` : `\`${name}\``
}

/** One that is reached through another hop than its own is named so, too: `db via gate`. */
function nameInFile({ name }: WantedHost): string {
  return name.split(' via ')[0]!
}

/** A plain YAML scalar only where it can be nothing else. */
function quote(text: string): string {
  const isPlain =
    /^[A-Za-z][\w.-]*$|^\d+\.\d+\.\d+\.\d+$/.test(text) &&
    !/^(y|n|yes|no|on|off|true|false|null)$/i.test(text)
  return isPlain ? text : JSON.stringify(text)
}

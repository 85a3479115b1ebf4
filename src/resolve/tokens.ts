// TOKENS of ssh_config(5) and its `${NAME}`, for the files and the agent of ssh_config: `ssh -G` prints most of them as
// they were written.

import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'

export interface TokenValues {
  home: string
  /** uid(7) and name of who connects. */
  userId: number
  localUser: string
  localHostname: string
  hostname: string
  originalName: string
  hostKeyAlias: string | null
  port: number
  user: string
  /** The host named last in ProxyJump; empty: none. */
  jump: string
  variables: Readonly<Record<string, string | undefined>>
}

/** An absolute path or `none`; with `unknown` what could not be filled in: `%x`, `${NAME}`, `~somebody`. */
export function expandFile(text: string, values: TokenValues): { path: string } | { unknown: string } {
  if (text === 'none') return { path: text }
  const foreign = /^~[^/]+/.exec(text)
  if (foreign) return { unknown: foreign[0] }
  const tokens = tokensOf(values)
  const unknown: string[] = []
  const path = text.replaceAll(/%(.?)|\$\{(\w+)\}/gsu, (written, token: string | undefined, name: string) => {
    const value = token === undefined ? values.variables[name] : tokens.get(token)
    if (value === undefined) unknown.push(written)
    return value ?? ''
  })
  if (unknown[0] !== undefined) return { unknown: unknown[0] }
  return { path: path.startsWith('~') ? join(values.home, path.slice(1)) : resolve('/', path) }
}

/** `%C` has the jump host in it or not, by the version of ssh: it is known only without one. */
function tokensOf(values: TokenValues): ReadonlyMap<string, string> {
  const { home, userId, localUser, localHostname, hostname, originalName, hostKeyAlias, port, user, jump } =
    values
  const hash = createHash('sha1').update(`${localHostname}${hostname}${port}${user}`)
  return new Map([
    ['%', '%'],
    ['d', home],
    ['h', hostname],
    ['i', String(userId)],
    ['j', jump],
    ['k', hostKeyAlias ?? originalName],
    ['L', localHostname.replace(/\..*/s, '')],
    ['l', localHostname],
    ['n', originalName],
    ['p', String(port)],
    ['r', user],
    ['u', localUser],
    ...(jump === '' ? [['C', hash.digest('hex')] as const] : []),
  ])
}

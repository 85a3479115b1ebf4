// `proxy_command`: what leads to a host, as ProxyCommand of ssh_config(5); never beside a `proxy_jump` of the same host.

import type { HostSpec } from '../model/project.ts'
import { type Parsed, parsed, refused } from './parsed.ts'
import { find, type Reading, report, type Section } from './reading.ts'
import { parseText } from './scalars.ts'
import { type Plain, pointer } from './tree.ts'

const KEYS = ['proxy_command', 'proxy_jump']

/** `none`, or a command of one line with the tokens that ssh takes there. */
export function parseProxyCommand(value: Plain): Parsed<string> {
  const text = parseText(value)
  if (!text.ok) return text
  if (/[\r\n]/.test(text.value.trim())) return refused('must be one line')
  const token = /%(?![%hnpr]).?/u.exec(text.value.replaceAll('%%', ''))
  const hint = 'These are %h (hostname), %n (the name before it was looked up), %p (port), %r (user) and %%'
  return token ? refused(`has ${token[0]}, which is none of its tokens`, hint) : parsed(text.value)
}

/** What the host says itself of its way leaves no room for what the defaults say of it. */
export function skipsDefaultWay(section: Section): (key: string) => boolean {
  const saysSomething = KEYS.some((key) => find(section, key)?.isOwn)
  return (key) => KEYS.includes(key) && saysSomething && !find(section, key)?.isOwn
}

export function checkWay(reading: Reading, { name, proxyCommand, proxyJump }: HostSpec): void {
  if (proxyCommand === undefined || proxyCommand.toLowerCase() === 'none' || !proxyJump?.length) return
  const own = pointer('hosts', name, 'proxy_command')
  const path = reading.tree.places.has(own) ? own : '/defaults/hosts/proxy_command'
  const complaint = 'stands beside proxy_jump: there can be only one way to a host'
  report(reading, path, { complaint, hint: 'Keep one of them' }, 'CONFIG_CONFLICT', 'key')
}

// Listen addresses: what follows `local`, `remote` and `dynamic`, as the bind addresses of ssh(1).

import { isIP } from 'node:net'
import type { Bind, ListenSpec, SocketAddress } from '../model/address.ts'
import { hostnameComplaint } from './hostname.ts'
import { type Base, parseSocketPath } from './local-path.ts'
import { type Parsed, parsed, refused } from './parsed.ts'
import { parseListenPort } from './port.ts'
import type { Plain } from './tree.ts'

/** `here`: on this machine (`local`, `dynamic`); `there`: on the host (`remote`). */
export function parseListen(value: Plain, end: 'here' | 'there', base: Base): Parsed<ListenSpec> {
  const text = String(value)
  if (text.includes('/')) {
    const path = parseSocketPath(text, end, base)
    return path.ok ? parsed({ kind: 'unix', path: path.value }) : path
  }
  const colon = text.lastIndexOf(':')
  const bind = colon < 0 ? parsed<Bind>('loopback') : parseBind(text.slice(0, colon), end)
  if (!bind.ok) return bind
  const port = parseListenPort(text.slice(colon + 1))
  if (!port.ok) return colon < 0 && !/^\d/.test(text) ? refusedListen(text) : port
  return parsed({ kind: 'tcp', bind: bind.value, port: port.value })
}

function refusedListen(text: string): Parsed<never> {
  const hint = isIP(text) ? 'Add the port' : 'The path of a Unix socket has a slash: ./name.sock'
  return refused('must be a port, address:port, *:port, auto, or the path of a Unix socket', hint)
}

function parseBind(text: string, end: 'here' | 'there'): Parsed<Bind> {
  if (text === '' || text === '*') return parsed('any')
  if (text === 'localhost') return parsed('loopback')
  const address = /^\[(.*)\]$/.exec(text)?.[1] ?? text
  if (address !== text && isIP(address) !== 6) return refused('must have an IPv6 address in the brackets')
  if (address === text && text.includes(':')) {
    return refused('must have its IPv6 address in brackets', 'For example "[::1]:9000"')
  }
  if (end === 'here' && isIP(address) === 0) {
    return refused(
      'must listen on an IP address of this machine, localhost, or * for all',
      hintForName(address),
    )
  }
  const complaint = hostnameComplaint(address)
  return complaint ? refused(`must listen on a host name or an IP address${complaint}`) : parsed({ address })
}

function hintForName(address: string): string | undefined {
  return hostnameComplaint(address) ? undefined : `Write the address that ${address} stands for`
}

/** Each socket that it takes, for comparing; `auto` takes none that is known. Names stand for themselves. */
export function listenSockets(listen: ListenSpec): SocketAddress[] {
  if (listen.kind === 'unix') return [listen]
  const port = listen.port
  if (port === 'auto') return []
  return bindHosts(listen.bind).map((host) => ({ kind: 'tcp', host, port }))
}

function bindHosts(bind: Bind): string[] {
  if (bind === 'loopback') return ['127.0.0.1', '::1']
  return bind === 'any' ? ['::'] : [bind.address]
}

/** By more than this machine itself: all but loopback, in whatever spelling (`[0::1]` and `[::ffff:127.0.0.1]`, too). */
export function isReachable(bind: Bind): boolean {
  if (typeof bind === 'string') return bind === 'any'
  const address = bind.address.replace(/%.*$/, '')
  if (isIP(address) !== 6) return !/^127(\.\d+){3}$/.test(address)
  return !/^\[::(1|ffff:7f[0-9a-f]{2}:[0-9a-f]+)\]$/.test(new URL(`http://[${address}]`).hostname)
}

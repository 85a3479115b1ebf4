// Where something listens and where connections go, as values: their text forms are those of ssh(1)
// (`[bind:]port`, `host:port`, IPv6 in brackets, a path with a slash). Opens nothing, resolves nothing.

/** Where a forward listens, as the file says it. */
export type ListenSpec = { kind: 'tcp'; bind: Bind; port: number | 'auto' } | { kind: 'unix'; path: string }

/** `loopback`: 127.0.0.1 and ::1 (for `remote`: "localhost"); `any`: all interfaces; else an address as written. */
export type Bind = 'loopback' | 'any' | { address: string }

/** Where connections go, as seen from the end that dials. */
export type Target =
  | { kind: 'tcp'; host: string; port: number }
  | { kind: 'unix'; path: string }
  | { kind: 'socks' }

/** Something that can be dialled: what is left when SOCKS has been spoken. */
export type DialTarget = Exclude<Target, { kind: 'socks' }>

/** One socket that can be bound on this machine; `host` is an IP address, `::` meaning both families. */
export type SocketAddress = { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string }

/** Who opened a connection: an IP and port where there is one. A Unix client has none. */
export interface Originator {
  address: string | null
  port: number
}

/** `host:port`, an IPv6 host in brackets. */
export function formatHostPort(host: string, port: number | string): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function formatTarget(target: Target): string {
  switch (target.kind) {
    case 'tcp':
      return formatHostPort(target.host, target.port)
    case 'unix':
      return target.path
    case 'socks':
      return 'socks'
  }
}

/** As the file would say it: `9000`, `*:9000`, `10.0.0.1:9000`, `/run/x.sock`. */
export function formatListenSpec(listen: ListenSpec): string {
  if (listen.kind === 'unix') return listen.path
  if (listen.bind === 'loopback') return String(listen.port)
  return formatHostPort(listen.bind === 'any' ? '*' : listen.bind.address, listen.port)
}

/** As status shows what is asked of a host: `localhost:9000`, else as {@link formatListenSpec}. */
export function formatRemoteListen(listen: ListenSpec): string {
  const isBare = listen.kind === 'tcp' && listen.bind === 'loopback'
  return isBare ? formatHostPort('localhost', listen.port) : formatListenSpec(listen)
}

/** As status shows it: `127.0.0.1:9000`, `[::1]:9000`, `*:9000` for all interfaces. */
export function formatSocketAddress(address: SocketAddress): string {
  if (address.kind === 'unix') return address.path
  return isWildcard(address.host) ? `*:${address.port}` : formatHostPort(address.host, address.port)
}

/** What {@link formatSocketAddress} and {@link formatRemoteListen} have shown; null while its port is not known. */
export function parseShownAddress(text: string): SocketAddress | null {
  if (text.includes('/')) return { kind: 'unix', path: text }
  const [, v6, name, port] = /^(?:\[(.+)\]|([^[\]]+)):(\d+)$/.exec(text) ?? []
  const host = v6 ?? name
  return host === undefined ? null : { kind: 'tcp', host, port: Number(port) }
}

/** True for `::` and `0.0.0.0`. `0.0.0.0` is all IPv4 interfaces only; both are shown as `*`. */
export function isWildcard(host: string): boolean {
  return host === '::' || host === '0.0.0.0'
}

/** True when two sockets cannot be bound side by side: equal, or one is the wildcard over the other. */
export function socketsOverlap(a: SocketAddress, b: SocketAddress): boolean {
  if (a.kind === 'unix' || b.kind === 'unix') return a.kind === b.kind && sameSocket(a, b)
  if (a.port !== b.port || a.port === 0) return false
  if (a.host === b.host || a.host === '::' || b.host === '::') return true
  const isV6 = (host: string) => host.includes(':')
  return isV6(a.host) === isV6(b.host) && (isWildcard(a.host) || isWildcard(b.host))
}

export function sameSocket(a: SocketAddress, b: SocketAddress): boolean {
  return formatSocketKey(a) === formatSocketKey(b)
}

/** A key for maps: unlike the shown form it tells `0.0.0.0` from `::`. */
export function formatSocketKey(address: SocketAddress): string {
  return address.kind === 'unix'
    ? `unix:${address.path}`
    : `tcp:${formatHostPort(address.host, address.port)}`
}

// Names for what came without: a forward by what it leads to, a host by where it is. A name that is taken gets a number.

import { isIP } from 'node:net'
import { basename } from 'node:path'
import { splitDestination } from '../config/destination.ts'
import type { ImportedForward } from './imported.ts'

/** 01-config-language: names of hosts and forwards; `x-…` is for YAML anchors. */
const NAME = /^(?!x-)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** What usually answers on a port, in the words that people have for it. */
const SERVICES: Readonly<Record<string, string>> = {
  21: 'ftp',
  22: 'ssh',
  25: 'smtp',
  53: 'dns',
  80: 'web',
  123: 'ntp',
  389: 'ldap',
  443: 'https',
  1433: 'mssql',
  1521: 'oracle',
  2375: 'docker',
  3306: 'mysql',
  3389: 'rdp',
  5432: 'postgres',
  5601: 'kibana',
  5672: 'rabbitmq',
  5900: 'vnc',
  6379: 'redis',
  6443: 'kubernetes',
  9090: 'prometheus',
  9092: 'kafka',
  9200: 'elasticsearch',
  11211: 'memcached',
  27017: 'mongodb',
}

export function nameForward({ letter, listen, to }: ImportedForward): string {
  if (letter === 'D') return 'socks'
  if (to === null || to === 'socks') return 'remote-socks'
  const plain = to.includes('/') ? nameOfSocket(to) : nameOfTarget(to)
  const name =
    letter === 'R'
      ? `remote-${(plain ?? nameOfListen(listen)).replace(/^port-/, '')}`
      : (plain ?? nameOfListen(listen))
  return NAME.test(name) ? name : `${letter === 'R' ? 'remote' : 'local'}-forward`
}

function nameOfSocket(path: string): string | null {
  const name = cleaned(basename(path).replace(/\.(sock|socket)$/, ''))
  return name === '' ? null : name
}

function nameOfTarget(to: string): string | null {
  const { host, port = '' } = splitDestination(to)
  const service = Object.hasOwn(SERVICES, port) ? SERVICES[port] : undefined
  if (service) return service
  const label = isIP(host) === 0 && host !== 'localhost' ? cleaned(host.split('.')[0]!) : ''
  return label === '' ? (/^\d+$/.test(port) ? `port-${port}` : null) : `${label}-${port}`
}

function nameOfListen(listen: string): string {
  const port = /(\d+)$/.exec(listen)?.[1]
  return port ? `port-${port}` : cleaned(basename(listen))
}

/** `db.example.com` is its own name; an address or a word that no name can be gets one that begins with `host`. */
export function nameHost(hostname: string): string {
  if (NAME.test(hostname)) return hostname
  return `host-${cleaned(hostname)}`.slice(0, 60).replace(/-+$/, '')
}

function cleaned(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
}

/** `name`, `name-2`, `name-3`: the first that nobody has; `x2`, because `x-2` would be no name. */
export function freeName(name: string, isTaken: (name: string) => boolean): string {
  let free = name
  for (let count = 2; isTaken(free); count++)
    free = name === 'x' ? `x${count}` : `${name.slice(0, 58)}-${count}`
  return free
}

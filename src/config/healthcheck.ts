// `healthcheck` of a forward: what is asked of whoever is behind it, how often, and when it counts as unhealthy.

import type { ForwardSpec, Healthcheck, HealthcheckPace } from '../model/project.ts'
import { placeholdersOf } from '../model/variables.ts'
import { formatDuration, parseDuration } from './duration.ts'
import type { Ends } from './forward.ts'
import { type Base, parseFile } from './local-path.ts'
import { type Parsed, parsed, refused } from './parsed.ts'
import { applies, find, isReported, openSubsection, read, report, type Section } from './reading.ts'
import { parseCount, parseWord } from './scalars.ts'
import type { Plain, PlainMap } from './tree.ts'

/** More often it would be load, not a check. */
const SHORTEST_MS = 100

/** Undefined where there is none, where it does not apply, and where it is wrong. */
export function readHealthcheck(section: Section, ends: Ends): Healthcheck | undefined {
  const found = find(section, 'healthcheck')
  if (!found || isReported(section.reading, found)) return undefined
  const healthcheck = openSubsection(section, 'healthcheck')
  const belongs = (key: string, does: boolean, complaint: string) =>
    found.isOwn ? applies(healthcheck, key, does, complaint) : does && find(healthcheck, key) !== null
  const type = readType(healthcheck, found.path)
  const isPage = type === 'http'
  const forPages = `is for healthchecks of type http, and this one is of type ${type}`
  const hasPath = belongs('path', isPage, forPages)
  const hasStatus = belongs('expect_status', isPage, forPages)
  const forCommands = `is for healthchecks of type command, and this one is of type ${type}`
  belongs('command', type === 'command', forCommands)
  const pace = readPace(healthcheck)
  switch (type) {
    case undefined:
      return undefined
    case 'connect':
      return { type, ...pace }
    case 'http': {
      const path = (hasPath && read(healthcheck, 'path', parsePath)) || '/'
      const expectStatus = (hasStatus && read(healthcheck, 'expect_status', parseStatus)) || [200, 399]
      const does = ends.to?.kind !== 'socks'
      const noPage = 'can not be http with SOCKS: each client says where it wants to go'
      return belongs('type', does, noPage) ? { type, path, expectStatus, ...pace } : undefined
    }
    case 'command': {
      const command = readCommand(healthcheck, found.path, ends)
      return command && { type, command, ...pace }
    }
  }
}

function readType(section: Section, path: string): Healthcheck['type'] | undefined {
  if (find(section, 'type')) return read(section, 'type', parseWord('connect', 'http', 'command'))
  const complaint = 'is missing: connect, http or command'
  report(section.reading, `${path}/type`, { complaint }, 'CONFIG_SCHEMA', 'key')
  return undefined
}

function readPace(section: Section): HealthcheckPace {
  return {
    intervalMs: read(section, 'interval', parseBound) ?? 30_000,
    timeoutMs: read(section, 'timeout', parseBound) ?? 5_000,
    retries: read(section, 'retries', parseCount(1)) ?? 3,
    startPeriodMs: read(section, 'start_period', parseDuration) ?? 0,
  }
}

function parseBound(value: Plain): Parsed<number> {
  const duration = parseDuration(value)
  const isTooShort = duration.ok && duration.value < SHORTEST_MS
  return isTooShort ? refused(`must be at least ${formatDuration(SHORTEST_MS)}`) : duration
}

/** RFC 9112, section 3.2.1: an absolute path and perhaps a query, as they are sent. */
function parsePath(value: Plain): Parsed<string> {
  return /^\/[\x21-\x22\x24-\x7e]*$/.test(String(value))
    ? parsed(String(value))
    : refused(
        'must be a path such as /healthz, perhaps with a query',
        'Blanks and other letters are written as %20',
      )
}

/** `204`, or a range such as `200-299`. */
function parseStatus(value: Plain): Parsed<[number, number]> {
  const [, first, last = first] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(String(value)) ?? []
  return first !== undefined && Number(first) <= Number(last)
    ? parsed([Number(first), Number(last)])
    : refused('must be a status such as 204, or a range such as 200-299')
}

function readCommand(section: Section, path: string, ends: Ends): string[] | undefined {
  if (find(section, 'command'))
    return read(section, 'command', (value, base) => parseCommand(value, base, ends))
  const complaint = 'is missing: a list, the program and its arguments'
  report(section.reading, `${path}/command`, { complaint }, 'CONFIG_SCHEMA', 'key')
  return undefined
}

function parseCommand(value: Plain, base: Base, ends: Ends): Parsed<string[]> {
  if (!Array.isArray(value))
    return refused('must be a list: the program and its arguments', 'There is no shell')
  const words = value.map(String)
  for (const [item, word] of words.entries()) {
    const complaint = item === 0 && word.trim() === '' ? 'must be a program' : whyNot(word, ends)
    if (complaint) return { ...refused(complaint), item }
  }
  const [program = '', ...args] = words
  if (!program.includes('/')) return parsed(words)
  const file = parseFile(program, base)
  return file.ok ? parsed([file.value, ...args]) : { ...file, item: 0 }
}

/** Null: it is good as it is. */
function whyNot(word: string, ends: Ends): string | null {
  if (word.includes('\0')) return 'must not hold a NUL character'
  const known = knownPlaceholders(ends)
  const unknown = placeholdersOf(word).find((name) => !known.includes(name))
  if (unknown === undefined) return null
  const which = known.length > 0 ? known.map((key) => `{${key}}`).join(' and ') : 'none of them'
  return `has {${unknown}}, which nothing stands for here: this forward has ${which}`
}

/** Of what a command connects to on this machine: the listener, or what a remote one leads to. */
function knownPlaceholders({ kind, listen, to }: Ends): string[] {
  const end = kind === 'remote' ? to : listen
  if (!end) return ['host', 'port', 'path']
  if (end.kind === 'socks') return []
  return end.kind === 'unix' ? ['path'] : ['host', 'port']
}

/** As the file has it, with the defaults. */
export function formatHealthcheck(healthcheck: NonNullable<ForwardSpec['healthcheck']>): PlainMap {
  const { type, retries } = healthcheck
  return {
    type,
    ...(healthcheck.type === 'http' && {
      path: healthcheck.path,
      expect_status: formatStatus(healthcheck.expectStatus),
    }),
    ...(healthcheck.type === 'command' && { command: healthcheck.command }),
    interval: formatDuration(healthcheck.intervalMs),
    timeout: formatDuration(healthcheck.timeoutMs),
    retries,
    start_period: formatDuration(healthcheck.startPeriodMs),
  }
}

function formatStatus([first, last]: readonly [number, number]): Plain {
  return first === last ? first : `${first}-${last}`
}

// The status as something to look at and to steer: which forward is chosen, what a key does to that, and what stands on
// a screen of a given size. Pure: time, terminal and supervisor are with others.

import type { LogLine } from '../control/protocol.ts'
import type { ForwardStatus, HostStatus, Status } from '../model/status.ts'
import { cutLine } from './columns.ts'
import { formatLogLine } from './log.ts'
import { makePrintable } from './printable.ts'
import { addLook, noRates, type Rates } from './rates.ts'
import { paint } from './state.ts'
import { type StatusViewOptions, tablesOf, troublesOf } from './status.ts'
import { fitTroubles } from './troubles-in-room.ts'

export interface Live {
  status: Status
  rates: Rates
  /** A forward's name, also while it is not there for a moment; null: there never was one. */
  chosen: string | null
  /** Where the chosen one was last. */
  at: number
  /** The log is that of the chosen forward alone. */
  isLogOfChosen: boolean
  /** The newest one last. */
  log: readonly LogLine[]
  /** A key that wants to be pressed again. */
  asks: 'close' | null
  /** What the last key led to. */
  word: string
}

export type Key = 'up' | 'down' | 'restart' | 'close' | 'log' | 'other'

/** What a key asks of the supervisor. */
export interface Wish {
  verb: 'restart' | 'close'
  name: string
}

export function beginLive(status: Status, nowMs: number): Live {
  const empty = {
    rates: noRates,
    chosen: null,
    at: 0,
    isLogOfChosen: false,
    log: [],
    asks: null,
    word: '',
  } as const
  return seeStatus({ ...empty, status }, status, nowMs)
}

export function seeStatus(live: Live, status: Status, nowMs: number): Live {
  const rates = addLook(live.rates, status.forwards, nowMs)
  return choose({ ...live, status, rates }, live.chosen ?? status.forwards[0]?.name)
}

function choose(live: Live, name: string | undefined): Live {
  const at = live.status.forwards.findIndex((forward) => forward.name === name)
  return { ...live, chosen: name ?? null, at: at < 0 ? live.at : at }
}

const MOST_LOG_LINES = 500

export function seeLogLine(live: Live, line: LogLine): Live {
  return { ...live, log: [...live.log, line].slice(-MOST_LOG_LINES) }
}

export function press(live: Live, key: Key): { live: Live; wish?: Wish } {
  const { status, at } = live
  const calm: Live = { ...live, asks: null, word: '' }
  switch (key) {
    case 'up':
    case 'down': {
      const next = status.forwards[at + (key === 'up' ? -1 : 1)]
      return { live: next ? choose(calm, next.name) : calm }
    }
    case 'log':
      return { live: { ...calm, isLogOfChosen: !live.isLogOfChosen } }
    case 'other':
      return { live: calm }
    default: {
      const chosen = chosenOf(live)
      if (!chosen) return { live: calm }
      return key === 'restart' ? restart(calm, chosen) : close(calm, chosen, live.asks === 'close')
    }
  }
}

function restart(live: Live, { name }: ForwardStatus): { live: Live; wish: Wish } {
  return { live: { ...live, word: `Restarting ${name}` }, wish: { verb: 'restart', name } }
}

function close(
  live: Live,
  { name, connections }: ForwardStatus,
  isSure: boolean,
): { live: Live; wish?: Wish } {
  const { active } = connections
  const cuts = active > 0 ? ` (${active} open ${active === 1 ? 'connection is' : 'connections are'} cut)` : ''
  if (!isSure) return { live: { ...live, asks: 'close', word: `${name}${cuts}: c again closes it` } }
  const { forwards } = live.status
  const neighbour = forwards[live.at + 1] ?? forwards[live.at - 1]
  const word = `Closing ${name}; \`tunnels up ${name}\` opens it again`
  return { live: { ...choose(live, neighbour?.name), word }, wish: { verb: 'close', name } }
}

function chosenOf({ status, chosen }: Live): ForwardStatus | undefined {
  return status.forwards.find(({ name }) => name === chosen)
}

export interface LiveViewOptions {
  rows: number
  columns: number | null
  color: boolean
  now: Date
  /** What Ctrl-C does here: `Ctrl-C closes everything`. */
  leaving: string
  /** Somebody can press them. */
  hasKeys: boolean
}

/** With fewer rows there is neither a log nor hosts, only the forwards. */
const FEW_ROWS = 18
const LEAST_LOG_ROWS = 3

/** Never more than `rows` lines: the keys stay below, the chosen forward stays in sight, the log has what is left. */
export function formatLive(live: Live, options: LiveViewOptions): string {
  const { rows, color } = options
  const foot = footOf(live, options).slice(-rows)
  const free = rows - foot.length
  const body = rows < FEW_ROWS ? forwardsAlone(live, free, options) : bodyOf(live, free, options)
  const left = Math.max(0, free - body.length)
  const log = left > 1 ? logOf(live, color).slice(1 - left) : []
  return [...body, ...Array.from({ length: left - log.length }, () => ''), ...log, ...foot].join('\n')
}

/** Headline, blank lines and the two headers. */
const AROUND = 5

/** Tables and troubles. Where there is no room for all, some of each is seen, and what is not seen is counted. */
function bodyOf(live: Live, free: number, options: LiveViewOptions): string[] {
  const room = free - 1 - LEAST_LOG_ROWS
  const { status } = live
  const troubles = troublesOf(status, viewOf(live, options))
  const whole = linesOf(live, status, options)
  // A blank line, and the first line of each, but no more than a quarter of it all.
  const least = troubles.length === 0 ? 0 : 1 + Math.min(troubles.length, Math.max(1, Math.floor(room / 4)))
  const tables = whole.length + least <= room ? whole : someOf(live, room - least, options)
  const below = fitTroubles(troubles, room - tables.length - 1, options.columns)
  return [...tables, ...(below.length > 0 ? ['', ...below] : [])].slice(0, room)
}

function someOf(live: Live, room: number, options: LiveViewOptions): string[] {
  const { hosts, forwards } = live.status
  const most = Math.max(1, Math.floor((room - AROUND) / 3))
  // Those that are in trouble before the others, all of them in their order.
  const chosen = new Set([...hosts.filter(isTroubled), ...hosts].slice(0, most))
  const someHosts = hosts.filter((host) => chosen.has(host))
  const size = room - AROUND - someHosts.length
  const someForwards = inSight(live, forwards.length <= size ? size : size - 1)
  const lines = linesOf(live, { ...live.status, hosts: someHosts, forwards: someForwards }, options)
  return [...lines, ...hiddenOf(live, someForwards)].slice(0, room)
}

function hiddenOf({ status }: Live, shown: readonly ForwardStatus[]): string[] {
  const hidden = status.forwards.filter((forward) => !shown.includes(forward))
  const troubled = hidden.filter(isTroubled).length
  return hidden.length === 0
    ? []
    : [`   … ${hidden.length} more${troubled > 0 ? `, ${troubled} of them in trouble` : ''}`]
}

function isTroubled({ state, problem }: HostStatus | ForwardStatus): boolean {
  return problem !== null || !['open', 'idle', 'draining'].includes(state)
}

/** With one line of what is not seen: how many more there are, and that something is wrong. */
function forwardsAlone(live: Live, free: number, options: LiveViewOptions): string[] {
  const { status } = live
  const troubles = troublesOf(status, viewOf(live, options)).map(([head = '']) => head)
  const isWhole = status.forwards.length < free && troubles.length === 0
  const below = isWhole || free < LEAST_FREE ? 0 : 1
  const forwards = inSight(live, free - 1 - below)
  const [, table = []] = tablesOf({ ...status, hosts: [], forwards }, viewOf(live, options))
  const word = wordOf(status, status.forwards.length - forwards.length, troubles[0])
  return [...table.slice(0, free - below), ...[cut(word, options)].slice(0, below)]
}

/** A header, two forwards, and what is not seen. */
const LEAST_FREE = 4

function wordOf({ config, hosts, forwards }: Status, hidden: number, trouble: string | undefined): string {
  const summaries = [...hosts, ...forwards].flatMap(({ problem }) => problem?.summary ?? [])
  const problems = new Set(summaries).size + (config.state === 'current' ? 0 : 1)
  const count = problems > 1 ? `${problems} problems: ` : ''
  return [...(hidden > 0 ? [`… ${hidden} more`] : []), ...(trouble ? [`${count}${trouble}`] : [])].join(' · ')
}

function cut(line: string, { columns }: LiveViewOptions): string {
  return columns === null ? line : cutLine(line, columns)
}

function viewOf({ rates, chosen }: Live, { columns, color, now }: LiveViewOptions): StatusViewOptions {
  return { columns, color, now, live: { rates, chosen } }
}

/** The tables; they fit. */
function linesOf(live: Live, status: Status, options: LiveViewOptions): string[] {
  const parts = tablesOf(status, viewOf(live, options))
  return parts.flatMap((lines, at) => (at === 0 ? lines : ['', ...lines]))
}

/** As many as fit, the chosen one among them. */
function inSight({ status, at }: Live, room: number): ForwardStatus[] {
  const size = Math.max(1, room)
  const first = Math.min(Math.max(0, at - size + 1), Math.max(0, status.forwards.length - size))
  return status.forwards.slice(first, first + size)
}

function logOf(live: Live, color: boolean): string[] {
  const { log, isLogOfChosen, chosen } = live
  const via = chosenOf(live)?.via
  const isMeant = (line: LogLine) =>
    !isLogOfChosen || ('name' in line && (line.name === chosen || line.name === via))
  return log.filter(isMeant).flatMap((line) => formatLogLine(line, { color, isRecent: true }))
}

function footOf({ chosen, isLogOfChosen, word }: Live, options: LiveViewOptions): string[] {
  const { color, columns, leaving, hasKeys } = options
  const log = isLogOfChosen ? 'l whole log' : 'l its log'
  const keys = chosen === null || !hasKeys ? [] : ['↑↓ choose', 'r restart', 'c close', log]
  const help = () => [...keys, leaving].join('   ')
  while (columns !== null && help().length > columns && keys.length > 0) keys.pop()
  return [makePrintable(word), paint(help(), 'dim', color)]
}

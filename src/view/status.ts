// `tunnels status` for people: hosts, forwards, and beneath them what is wrong. Its JSON is the value itself.

import { isError, type Problem } from '../model/problem.ts'
import type { ForwardStatus, HostStatus, Status } from '../model/status.ts'
import { makePrintable } from './printable.ts'
import { formatAge, formatBytes, formatRate, formatRtt } from './quantity.ts'
import { HISTORY, historyOf, type Rates, rateNow } from './rates.ts'
import { shortenAddress } from './shorten.ts'
import { formatSparkline } from './sparkline.ts'
import { paint, paintState } from './state.ts'
import { type Column, formatTable } from './table.ts'

export interface StatusViewOptions {
  /** Width to fit; null: as wide as it needs to be. */
  columns: number | null
  color: boolean
  now: Date
  /** How it moves, for who goes on looking. */
  live?: LiveColumns
}

export interface LiveColumns {
  rates: Rates
  /** The forward that keys are about. */
  chosen: string | null
}

/** Also where a profile or a name leaves all of them out. */
export const NO_FORWARDS = 'No forwards: the file has none, or none that is selected'

/** Ends with a line feed. */
export function formatStatus(status: Status, options: StatusViewOptions): string {
  const parts = [...tablesOf(status, options), formatTroubles(status, options)]
  const text = parts.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'))
  return `${text.join('\n\n')}\n`
}

/** Headline, hosts (where there are any) and forwards, a list of lines each. */
export function tablesOf(status: Status, options: StatusViewOptions): string[][] {
  const { columns } = options
  const { hosts, forwards } = status
  return [
    [formatHeadline(status)],
    ...(hosts.length > 0 ? [formatTable(hosts, hostColumns(options), columns)] : []),
    forwards.length > 0 ? formatTable(forwards, forwardColumns(options), columns) : [NO_FORWARDS],
  ]
}

function formatHeadline({ project, files, supervisor }: Status): string {
  const where = files.map(makePrintable).join(', ')
  const watching = supervisor.watching ? '' : ', not following the file'
  const http = supervisor.http ? `, http on ${joinLoopbacks(supervisor.http)}` : ''
  return `${makePrintable(project)}: ${where} (process ${supervisor.pid}${watching}${http})`
}

function hostColumns({ color, now }: StatusViewOptions): Column<HostStatus>[] {
  return [
    { title: 'HOST', text: (host) => host.name, shrinkTo: 8 },
    {
      title: 'STATE',
      text: (host) => host.state,
      paint: (text, host) => paintState(text, host.state, color),
    },
    { title: 'FOR', text: (host) => ageOf(host.since, now) },
    { title: 'ENDPOINT', text: (host) => host.endpoint, shrinkTo: 12 },
    { title: 'RTT', text: (host) => formatRtt(host.rttMs), align: 'right' },
    { title: 'RECONNECTS', text: (host) => String(host.reconnects), align: 'right' },
  ]
}

/** What matters least comes last: a narrow terminal goes without it. */
function forwardColumns(options: StatusViewOptions): Column<ForwardStatus>[] {
  const { color, now, live } = options
  const via: Column<ForwardStatus> = { title: 'VIA', text: (forward) => forward.via, shrinkTo: 6 }
  const age: Column<ForwardStatus> = { title: 'FOR', text: (forward) => ageOf(forward.since, now) }
  return [
    ...(live ? [chosenColumn(live)] : []),
    // By its name it is told from its neighbours: others go before that is cut.
    { title: 'FORWARD', text: (forward) => forward.name, shrinkTo: 16 },
    { title: 'STATE', text: stateOf, paint: (text, forward) => paintForward(text, forward, color) },
    ...(live ? [] : [age]),
    { title: 'LISTEN', text: listenOf, shrinkTo: 12, shorten: shortenAddress },
    { title: 'TO', text: (forward) => forward.to, shrinkTo: 10, shorten: shortenAddress },
    ...(live ? [] : [via]),
    { title: 'CONNS', text: connectionsOf, align: 'right' },
    ...(live ? [...rateColumns(live, options), via, age] : []),
    { title: 'IN', text: (forward) => formatBytes(forward.bytes.in), align: 'right' },
    { title: 'OUT', text: (forward) => formatBytes(forward.bytes.out), align: 'right' },
  ]
}

function chosenColumn({ chosen }: LiveColumns): Column<ForwardStatus> {
  return { title: '', text: ({ name }) => (name === chosen ? '›' : ' ') }
}

/** Narrower than this, half of the bars have to do. */
const WIDE = 120

function rateColumns({ rates }: LiveColumns, { color, columns }: StatusViewOptions): Column<ForwardStatus>[] {
  const bars = columns !== null && columns < WIDE ? HISTORY / 2 : HISTORY
  return [
    { title: 'IN/S', text: ({ name }) => formatRate(rateNow(rates, name)?.in), align: 'right' },
    { title: 'OUT/S', text: ({ name }) => formatRate(rateNow(rates, name)?.out), align: 'right' },
    {
      title: `LAST ${bars} S`,
      text: ({ name }) => formatSparkline(historyOf(rates, name), bars),
      paint: (text) => paint(text, 'cyan', color),
    },
  ]
}

function paintForward(text: string, { state, health }: ForwardStatus, color: boolean): string {
  return health === 'unhealthy' ? paint(text, 'red', color) : paintState(text, state, color)
}

function stateOf({ state, health }: ForwardStatus): string {
  return health === 'unknown' ? state : `${state}, ${health}`
}

function listenOf({ kind, via, listen }: ForwardStatus): string {
  const where = kind === 'remote' ? ` on ${via}` : ''
  return listen.length > 0 ? `${joinLoopbacks(listen)}${where}` : '-'
}

/** Both loopbacks on one port are what the file calls `localhost`. */
function joinLoopbacks(listen: string[]): string {
  const port = listen[0]?.match(/^127\.0\.0\.1:(\d+)$/)?.[1]
  const isBoth = port !== undefined && listen.length === 2 && listen[1] === `[::1]:${port}`
  return isBoth ? `localhost:${port}` : listen.join(' ')
}

function connectionsOf({ connections }: ForwardStatus): string {
  const { active, draining, total } = connections
  return draining > 0 ? `${active}+${draining}/${total}` : `${active}/${total}`
}

function ageOf(since: string, now: Date): string {
  return formatAge(now.getTime() - Date.parse(since))
}

/** Of each all its lines: those after the first are indented, or what the file's headline introduces. */
export function troublesOf(status: Status, options: StatusViewOptions): string[][] {
  const blocks: string[][] = []
  const hasHeadline = configHeadlines[status.config.state] !== null
  for (const line of formatTroubles(status, options)) {
    const isIntroduced = hasHeadline && blocks.length === 1 && blocks[0]!.length === 1
    if (blocks.length > 0 && (line.startsWith(' ') || isIntroduced)) blocks.at(-1)!.push(line)
    else blocks.push([line])
  }
  return blocks
}

function formatTroubles(status: Status, options: StatusViewOptions): string[] {
  const rows = [...status.hosts, ...status.forwards]
  const named = new Set<string>()
  const lines = configTroubles(status, options.color)
  for (const row of rows) {
    const { name, problem } = row
    // A forward that waits for its host has its host's problem: once is enough.
    if (!problem || named.has(problem.summary)) continue
    named.add(problem.summary)
    lines.push(
      ...formatTrouble(name, problem, options.color),
      ...('endpoint' in row ? nextTry(row, options) : []),
    )
  }
  return [
    ...lines,
    ...status.hosts.flatMap((host) => [...toCome(host, options), ...asked(host, options)]),
    ...turnedAway(status),
    ...heldOpen(status),
    ...configWarnings(status, options.color),
  ]
}

/** Nothing while it is being tried, or waits for its jump host, which has its own. */
function nextTry({ retryAt }: HostStatus, { now }: StatusViewOptions): string[] {
  if (retryAt === null) return []
  const seconds = Math.ceil((Date.parse(retryAt) - now.getTime()) / 1_000)
  return [seconds > 0 ? `  Next try in ${seconds} s` : '  Next try now']
}

function toCome({ name, next }: HostStatus, { now }: StatusViewOptions): string[] {
  if (!next) return []
  const { endpoint, state, since } = next
  const how = `${state} for ${ageOf(since, now)}`
  return [`${makePrintable(name)} goes through ${makePrintable(endpoint)} once that is connected: ${how}`]
}

function asked({ name, prompt }: HostStatus, { color }: StatusViewOptions): string[] {
  if (!prompt) return []
  const title = `${paint(makePrintable(name), 'yellow', color)} waits for an answer: ${makePrintable(prompt.summary)}`
  return [title, '  Run `tunnels up` on a terminal: it asks']
}

const configHeadlines = {
  current: null,
  invalid: 'The file on disk is broken; the last good one runs on:',
  untrusted: 'The file on disk adds what waits for trust; the last good one runs on:',
}

function configTroubles({ config }: Status, color: boolean): string[] {
  const headline = configHeadlines[config.state]
  const errors = config.problems.filter(isError)
  const problems = errors.flatMap((problem) => formatTrouble(placeOf(problem), problem, color))
  return headline ? [paint(headline, 'yellow', color), ...problems] : problems
}

/** Last: they hide what is wrong. */
function configWarnings({ config }: Status, color: boolean): string[] {
  const warnings = config.problems.filter((problem) => !isError(problem))
  const texts = warnings.map((problem) => formatTrouble(placeOf(problem), problem, color).join('\n'))
  return [...new Set(texts)].flatMap((text) => text.split('\n'))
}

function placeOf({ at, path, severity }: Problem): string {
  const place = at ? `${at.file}:${at.line}:${at.column}` : (path ?? 'file')
  return severity === 'warning' ? `${place}: warning` : place
}

function formatTrouble(name: string, problem: Problem, color: boolean): string[] {
  const style = problem.severity === 'warning' ? 'yellow' : 'red'
  const lines = [`${paint(makePrintable(name), style, color)}: ${makePrintable(problem.summary)}`]
  const more = [problem.detail, problem.hint].filter((text) => text !== undefined)
  for (const line of more.flatMap((text) => text.split('\n'))) lines.push(`  ${makePrintable(line)}`)
  return lines
}

function turnedAway({ forwards }: Status): string[] {
  return forwards.flatMap(({ name, connections: { failed, refused } }) => {
    const parts = [
      failed > 0 ? `${failed} could not reach the target` : null,
      refused > 0 ? `${refused} turned away` : null,
    ].filter((part) => part !== null)
    return parts.length > 0 ? [`${makePrintable(name)}: of its connections, ${parts.join(', ')}`] : []
  })
}

/** So that nobody wonders why what they did not start is open. */
function heldOpen({ leases = [] }: Status): string[] {
  return leases.map(({ pid, forwards }) => {
    const who = pid === null ? '`tunnels run`' : `\`tunnels run\` (process ${pid})`
    return `${makePrintable(forwards.join(', ') || 'nothing')}: held by ${who}`
  })
}

// `tunnels status --watch`: the status as it changes. On a terminal it is drawn over, in a pipe there is a line for
// each thing that happens, with --json a whole status a line. With --connections each connection is told, too.

import { setTimeout } from 'node:timers/promises'
import type { ControlClient } from '../control/client.ts'
import type { Event } from '../control/protocol.ts'
import { problemOf } from '../model/problem.ts'
import type { Status } from '../model/status.ts'
import { formatConnections } from '../view/connections.ts'
import { formatEvent } from '../view/event.ts'
import { formatJson } from '../view/json.ts'
import { formatStatus } from '../view/status.ts'
import { EXIT } from './exit-code.ts'
import { eventsOf } from './follow.ts'
import type { Invocation } from './invocation.ts'
import { watchKeys } from './keys.ts'
import { openLiveStatus, steer } from './live-status.ts'
import { narrow } from './named.ts'
import { openScreen } from './screen.ts'
import { listenForSignals, signalExitCodes } from './signals.ts'

/** Ages and bytes grow without an event. */
const TICK_MS = 1_000

/** Many events make one look. */
const REST_MS = 100

/** Where the status goes. */
interface Show {
  /** At the beginning, after events, and each second where `ticks`. */
  status(status: Status): void
  /** `latest`: of the last look. */
  event(event: Event, latest: Status): void
  readonly ticks: boolean
  stop(): void
}

/** As `tunnels status` takes them. */
interface Watching {
  names: readonly string[]
  connections: boolean
}

/** Resolves with the exit code when the person, or the supervisor, has had enough. */
export async function watchStatus(
  invocation: Invocation,
  client: ControlClient,
  watching: Watching,
): Promise<number> {
  const leaving = new AbortController()
  const signals = listenForSignals(() => {})
  try {
    const ending = await Promise.race([watch(invocation, client, watching, leaving.signal), signals.first])
    leaving.abort()
    if (ending) return signalExitCodes[ending]
    invocation.terminal.note('The supervisor has ended')
    return EXIT.fine
  } finally {
    leaving.abort()
    signals.stop()
  }
}

/** Resolves when the supervisor ends; rejects when it cannot be asked, or has gone without a word. */
async function watch(
  invocation: Invocation,
  client: ControlClient,
  watching: Watching,
  signal: AbortSignal,
): Promise<null> {
  const { connections } = watching
  const ask = async () => {
    const status = narrow(await client.status({ connections }), watching.names)
    return connections ? (await import('./connection-clients.ts')).withClients(status) : status
  }
  const events = await client.openEvents(signal, { connections })
  let latest = await ask()
  const show = openShow(invocation, client, watching, latest)
  signal.addEventListener('abort', () => show.stop(), { once: true })
  show.status(latest)
  const look = async () => {
    latest = await ask()
    if (!signal.aborted) show.status(latest)
  }
  return new Promise((resolve, reject) => {
    // How it ended, the stream of events says.
    const isEnd = (error: unknown) => problemOf(error).code === 'NOT_RUNNING'
    const failed = (error: unknown) => (isEnd(error) ? undefined : reject(error))
    const lookSoon = inTurns(() => look().catch(failed), signal)
    const timer = show.ticks ? setInterval(lookSoon, TICK_MS) : undefined
    signal.addEventListener('abort', () => clearInterval(timer), { once: true })
    const read = async () => {
      for await (const event of events) {
        show.event(event, latest)
        void lookSoon()
      }
    }
    read().then(() => resolve(null), reject)
  })
}

/** One at a time, with a rest after each; what is asked for meanwhile is done once. */
function inTurns(work: () => Promise<void>, signal: AbortSignal): () => Promise<void> {
  let isDue = false
  let isRunning = false
  return async () => {
    isDue = true
    if (isRunning) return
    isRunning = true
    while (isDue && !signal.aborted) {
      isDue = false
      await work()
      await setTimeout(REST_MS)
    }
    isRunning = false
  }
}

function openShow(
  invocation: Invocation,
  client: ControlClient,
  { names, connections }: Watching,
  status: Status,
): Show {
  const { options, terminal } = invocation
  if (options.json) return openJson(invocation)
  if (!terminal.screen || options.quiet) return openLines(invocation, names)
  return connections ? openTables(invocation, terminal.screen) : openDrawing(invocation, client, status)
}

/** What `tunnels status --connections` prints, again and again; nothing in it can be chosen. */
function openTables({ terminal }: Invocation, stream: NodeJS.WriteStream): Show {
  let last: Status | null = null
  const format = (status: Status) => {
    const { columns, color } = terminal
    const now = new Date()
    const table = formatStatus(status, { columns, color: color.out, now })
    return `${table}\n${formatConnections(status, { columns, now })}`
  }
  const draw = () => {
    if (last) screen.draw(format(last))
  }
  const screen = openScreen(stream, draw)
  const stopKeys = process.stdin.isTTY ? watchKeys(process.stdin, () => {}) : () => {}
  return {
    ticks: true,
    status: (next) => {
      last = next
      draw()
    },
    event: () => {},
    stop: () => {
      stopKeys()
      screen.close()
      if (last) terminal.print(format(last))
    },
  }
}

/** What stood there last stays when the screen is gone. */
function openDrawing(invocation: Invocation, client: ControlClient, status: Status): Show {
  const { terminal } = invocation
  const live = openLiveStatus(invocation, steer(client), { status, leaving: 'q leaves' })
  let last = status
  return {
    ticks: true,
    status: (next) => {
      last = next
      live.show(next)
    },
    event: () => {},
    stop: () => {
      live.stop()
      const { columns, color } = terminal
      terminal.print(formatStatus(last, { columns, color: color.out, now: new Date() }))
    },
  }
}

function openLines({ terminal }: Invocation, names: readonly string[]): Show {
  let isBegun = false
  const isMeant = aboutNames(names)
  const print = (event: Event) => {
    for (const line of formatEvent(event, { color: terminal.color.out })) terminal.print(`${line}\n`)
  }
  return {
    ticks: false,
    status: (status) => {
      if (!isBegun) for (const event of [...eventsOf(status), ...openedIn(status)]) print(event)
      isBegun = true
    },
    event: (event, latest) => {
      if (isMeant(event, latest)) print(event)
    },
    stop: () => {},
  }
}

/** Each connection that is open, as it was told when it came. */
function openedIn({ forwards }: Status): Event[] {
  return forwards.flatMap(({ name, openConnections = [] }) =>
    openConnections.map(({ since, from, to, bytes }): Event => {
      const opened = { outcome: 'opened', from, to, ms: 0, bytes, problem: null } as const
      return { time: since, event: 'connection', what: 'forward', name, ...opened }
    }),
  )
}

function openJson({ terminal }: Invocation): Show {
  let last = ''
  return {
    ticks: false,
    status: (status) => {
      const line = `${formatJson(status)}\n`
      if (line !== last) terminal.print(line)
      last = line
    },
    event: () => {},
    stop: () => {},
  }
}

/** A host's forwards are told, too. One that is reopened is in no status for a moment, and is meant all the same. */
function aboutNames(names: readonly string[]): (event: Event, latest: Status) => boolean {
  const meant = new Set(names)
  return (event, { hosts, forwards }) => {
    if (names.length === 0 || !('name' in event)) return true
    for (const { name } of [...hosts, ...forwards]) meant.add(name)
    return meant.has(event.name)
  }
}

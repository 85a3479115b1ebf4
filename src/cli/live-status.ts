// The live status on a terminal: draws what view/live.ts says, reads keys where somebody can press them, and carries what
// they ask to whoever supervises.

import { setTimeout as delay } from 'node:timers/promises'
import type { ControlClient } from '../control/client.ts'
import type { DownRequest, LogLine, LogsRequest, RestartRequest } from '../control/protocol.ts'
import { problemOf } from '../model/problem.ts'
import type { Status } from '../model/status.ts'
import { beginLive, formatLive, type Live, press, seeLogLine, seeStatus, type Wish } from '../view/live.ts'
import type { Invocation } from './invocation.ts'
import { watchKeys } from './keys.ts'
import { openScreen, type Screen } from './screen.ts'

/** Whoever supervises, here or at the other end of the control socket. */
export interface Steerable {
  restart(request: RestartRequest): Promise<unknown>
  down(request: DownRequest): Promise<void>
  readLog(request: LogsRequest, tell: (line: LogLine) => void, signal: AbortSignal): Promise<void>
}

/** A running supervisor, steered over its control socket. */
export function steer(client: ControlClient): Steerable {
  return {
    restart: (request) => client.restart(request),
    down: (request) => client.down(request),
    readLog: async (request, tell, signal) => {
      for await (const line of await client.openLogs(request, signal)) tell(line)
    },
  }
}

export interface LiveStatus {
  show(status: Status): void
  /** Leaves the terminal to somebody else, and comes back. */
  pause(): void
  resume(): void
  /** The terminal is as it was, and what stood there last stands on it. Idempotent. */
  stop(): void
}

const LOG_LINES = 100
/** A burst of lines is one drawing. */
const REST_MS = 50

/** `leaving`: what Ctrl-C does here. `screen` is stdout; keys are read where stdin is a terminal, too. */
export function openLiveStatus(
  { terminal }: Invocation,
  control: Steerable,
  { status, leaving }: { status: Status; leaving: string },
): LiveStatus {
  const stream = terminal.screen!
  const over = new AbortController()
  let live: Live = beginLive(status, Date.now())
  let screen: Screen | null = null
  let stopKeys = () => {}
  let isDue = false
  const hasKeys = Boolean(process.stdin.isTTY)
  const draw = () => {
    const { columns, color } = terminal
    const view = { columns, rows: stream.rows || 24, color: color.out, now: new Date(), leaving, hasKeys }
    screen?.draw(formatLive(live, view))
  }
  const drawSoon = () => {
    if (isDue) return
    isDue = true
    void delay(REST_MS).then(() => {
      isDue = false
      draw()
    })
  }
  const say = (word: string) => {
    live = { ...live, word }
    draw()
  }
  const fulfil = ({ verb, name }: Wish) =>
    verb === 'restart' ? control.restart({ names: [name] }) : control.down({ names: [name] })
  const resume = () => {
    screen = openScreen(stream, draw)
    if (hasKeys)
      stopKeys = watchKeys(process.stdin, (key) => {
        const pressed = press(live, key)
        live = pressed.live
        draw()
        if (pressed.wish) fulfil(pressed.wish).catch((error) => say(problemOf(error).summary))
      })
    draw()
  }
  const pause = () => {
    stopKeys()
    screen?.close()
    screen = null
  }
  const seeLine = (line: LogLine) => {
    live = seeLogLine(live, line)
    drawSoon()
  }
  const everything = { names: [], lines: LOG_LINES, since: null, level: 'info', follow: true } as const
  control.readLog({ ...everything, names: [] }, seeLine, over.signal).catch(() => {})
  resume()
  return {
    pause,
    resume,
    show: (next) => {
      live = seeStatus(live, next, Date.now())
      draw()
    },
    stop: () => {
      if (over.signal.aborted) return
      over.abort()
      pause()
    },
  }
}

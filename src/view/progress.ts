// What becomes of each host and forward after `up`, as it happens: one live line each on a terminal (listr2),
// one line each as it is settled anywhere else. The only importer of listr2.

import type { ForwardStatus, HostStatus, State, Status } from '../model/status.ts'
import { makePrintable } from './printable.ts'
import { paintState } from './state.ts'

export interface Progress {
  /** Shows what changed since the last time. */
  update(status: Status): void
  /** Nothing more comes: what is still opening stays as it is. Resolves when the terminal is free again. */
  finish(): Promise<void>
}

export interface ProgressOptions {
  /** Where it is shown: stderr. */
  stream: NodeJS.WriteStream
  /** Cursor movement is welcome. */
  interactive: boolean
  color: boolean
}

/** Shows each host and forward of `first` until its first attempt has come to something. */
export async function openProgress(options: ProgressOptions, first: Status): Promise<Progress> {
  const isLive = options.interactive && hasRoom(options.stream, first)
  const progress = isLive ? await openLive(options, first) : openPlain(options)
  progress.update(first)
  return progress
}

/** Lines that scroll away, or wrap at every letter, cannot be written over. */
function hasRoom({ columns, rows }: NodeJS.WriteStream, { hosts, forwards }: Status): boolean {
  return columns >= 20 && rows > hosts.length + forwards.length + 1
}

/** The first attempt has come to something, good or bad. */
export function isSettled(state: State): boolean {
  return state !== 'opening'
}

function openPlain({ stream, color }: ProgressOptions): Progress {
  const shown = new Set<string>()
  return {
    update: (status) => {
      for (const item of itemsOf(status)) {
        if (shown.has(item.key) || !isSettled(item.state)) continue
        shown.add(item.key)
        stream.write(`${formatItem(item, color)}\n`)
      }
    },
    finish: async () => {},
  }
}

async function openLive({ stream, color }: ProgressOptions, first: Status): Promise<Progress> {
  const { Listr, ListrLogger, ProcessOutput } = await import('listr2')
  const lines = itemsOf(first).map((item) => new LiveLine(item, color))
  const listr = new Listr(
    lines.map((line) => line.task),
    {
      concurrent: true,
      exitOnError: false,
      // Ctrl-C is ours: it closes the tunnels first.
      registerSignalListeners: false,
      // It looks at stdout, and we show on stderr.
      forceTTY: true,
      fallbackRendererCondition: false,
      rendererOptions: {
        logger: new ListrLogger({ processOutput: new ProcessOutput(stream, stream) }),
        showErrorMessage: false,
      },
    },
  )
  const run = listr.run()
  return {
    update: (status) => {
      const items = new Map(itemsOf(status).map((item) => [item.key, item]))
      for (const line of lines) line.update(items.get(line.key))
    },
    finish: async () => {
      for (const line of lines) line.leave()
      await run
      // It leaves the cursor hidden until the process ends, which for us may be weeks.
      stream.write('\x1b[?25h')
    },
  }
}

/** One task of listr2, settled from outside. */
class LiveLine {
  readonly key: string
  readonly task: { title: string; task: (context: unknown, task: { title: string }) => Promise<void> }
  readonly #color: boolean
  #item: Item
  #shown: { title: string } | null = null
  #isOver = false
  #end: (outcome: 'good' | 'bad') => void = () => {}

  constructor(item: Item, color: boolean) {
    this.key = item.key
    this.#item = item
    this.#color = color
    const outcome = new Promise<'good' | 'bad'>((resolve) => {
      this.#end = (end) => {
        this.#isOver = true
        resolve(end)
      }
    })
    this.task = {
      title: formatItem(item, color),
      task: async (_context, shown) => {
        this.#shown = shown
        this.#show()
        if ((await outcome) === 'bad') throw new Error(this.#item.name)
      },
    }
  }

  /** Gone from the status: there is nothing left to wait for. */
  update(item: Item | undefined): void {
    if (this.#isOver) return
    if (!item) return this.leave()
    this.#item = item
    this.#show()
    if (isSettled(item.state)) this.#end(item.state === 'open' || item.state === 'idle' ? 'good' : 'bad')
  }

  leave(): void {
    this.#end('bad')
  }

  #show(): void {
    if (this.#shown) this.#shown.title = formatItem(this.#item, this.#color)
  }
}

interface Item {
  key: string
  name: string
  state: State
  /** Where it leads: an endpoint, or listen → target. */
  where: string
  reason: string
}

function itemsOf({ hosts, forwards }: Status): Item[] {
  return [
    ...hosts.map((host) => itemOf('host', host, host.endpoint)),
    ...forwards.map((forward) => itemOf('forward', forward, whereOf(forward))),
  ]
}

function itemOf(what: 'host' | 'forward', row: HostStatus | ForwardStatus, where: string): Item {
  const reason = isSettled(row.state) && row.problem ? `: ${row.problem.summary}` : ''
  return { key: `${what} ${row.name}`, name: row.name, state: row.state, where, reason }
}

function whereOf({ kind, listen, to, via }: ForwardStatus): string {
  const from = listen.length > 0 ? `${listen.join(' ')} → ` : ''
  return kind === 'remote' ? `${from}${to}, from ${via}` : `${from}${to} via ${via}`
}

function formatItem({ key, state, where, reason }: Item, color: boolean): string {
  return `${makePrintable(key)} (${makePrintable(where)}) ${paintState(state, state, color)}${makePrintable(reason)}`
}

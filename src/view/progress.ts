// What becomes of each host and forward after `up`, as it happens: one live line each on a terminal (listr2),
// one line each as it is settled anywhere else. The only importer of listr2.

import type { ForwardStatus, HostStatus, State, Status } from '../model/status.ts'
import { makePrintable } from './printable.ts'
import { paintState } from './state.ts'

export interface Progress {
  /** Shows what changed since the last time. */
  update(status: Status): void
  /** Takes it off the terminal, which somebody else needs. */
  pause(): Promise<void>
  resume(): Promise<void>
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
  if (isLive) return new LiveProgress(options, await showLive(options, first), first)
  const progress = openPlain(options)
  progress.update(first)
  return progress
}

/** Lines that scroll away, or wrap at every letter, cannot be written over. */
function hasRoom({ columns, rows }: NodeJS.WriteStream, { hosts, forwards }: Status): boolean {
  return columns >= 20 && rows > hosts.length + forwards.length + 1
}

/** The first attempt has come to something, good or bad; one that waits for an answer has not. */
export function isSettled(row: HostStatus | ForwardStatus, { hosts }: Pick<Status, 'hosts'>): boolean {
  const host = 'via' in row ? hosts.find(({ name }) => name === row.via) : row
  const state = row.state === 'open' ? (host?.next?.state ?? row.state) : row.state
  if (state !== 'waiting') return state !== 'opening'
  return !host?.prompt
}

function openPlain({ stream, color }: ProgressOptions): Progress {
  const shown = new Set<string>()
  return {
    update: (status) => {
      for (const item of itemsOf(status)) {
        if (shown.has(item.key) || !item.isSettled) continue
        shown.add(item.key)
        stream.write(`${formatItem(item, color)}\n`)
      }
    },
    pause: async () => {},
    resume: async () => {},
    finish: async () => {},
  }
}

class LiveProgress implements Progress {
  readonly #options: ProgressOptions
  #shown: Live | null
  #status: Status

  constructor(options: ProgressOptions, shown: Live, status: Status) {
    this.#options = options
    this.#shown = shown
    this.#status = status
  }

  update(status: Status): void {
    this.#status = status
    this.#shown?.update(status)
  }

  async pause(): Promise<void> {
    await this.#shown?.end({ stays: false })
    this.#shown = null
  }

  async resume(): Promise<void> {
    this.#shown ??= await showLive(this.#options, this.#status)
  }

  async finish(): Promise<void> {
    await this.#shown?.end({ stays: true })
  }
}

/** Lines that are on the terminal. `stays`: as they are; else they leave no trace. */
interface Live {
  update(status: Status): void
  end(how: { stays: boolean }): Promise<void>
}

async function showLive({ stream, color }: ProgressOptions, first: Status): Promise<Live> {
  const { Listr, ListrLogger, ProcessOutput } = await import('listr2')
  let stays = true
  // It writes the lines once more when it has ended.
  class Output extends ProcessOutput {
    override toStdout(text: string, eol?: boolean): boolean {
      return !stays || super.toStdout(text, eol)
    }
  }
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
        logger: new ListrLogger({ processOutput: new Output(stream, stream) }),
        showErrorMessage: false,
      },
    },
  )
  const run = listr.run()
  const update = (status: Status) => {
    const items = new Map(itemsOf(status).map((item) => [item.key, item]))
    for (const line of lines) line.update(items.get(line.key))
  }
  update(first)
  return {
    update,
    end: async (how) => {
      stays = how.stays
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
    if (item.isSettled) this.#end(item.state === 'open' || item.state === 'idle' ? 'good' : 'bad')
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
  isSettled: boolean
  /** Where it leads: an endpoint, or listen → target. */
  where: string
  reason: string
}

function itemsOf(status: Status): Item[] {
  const itemOf = (what: 'host' | 'forward', row: HostStatus | ForwardStatus, where: string): Item => {
    const { name, state, problem } = row
    const settled = isSettled(row, status)
    const reason = settled && problem ? `: ${problem.summary}` : ''
    return { key: `${what} ${name}`, name, state, isSettled: settled, where, reason }
  }
  return [
    ...status.hosts.map((host) => itemOf('host', { ...host, ...host.next }, (host.next ?? host).endpoint)),
    ...status.forwards.map((forward) => itemOf('forward', forward, whereOf(forward))),
  ]
}

function whereOf({ kind, listen, to, via }: ForwardStatus): string {
  const from = listen.length > 0 ? `${listen.join(' ')} → ` : ''
  return kind === 'remote' ? `${from}${to}, from ${via}` : `${from}${to} via ${via}`
}

function formatItem({ key, state, where, reason }: Item, color: boolean): string {
  return `${makePrintable(key)} (${makePrintable(where)}) ${paintState(state, state, color)}${makePrintable(reason)}`
}

// Look-ups in a process of their own, for while a name server says nothing: it has threads for many, and can be ended
// although some hang, where libuv waits for each of its own. It comes with the first question, and goes when nobody
// has asked for a while, or with us.

import { type ChildProcess, spawn } from 'node:child_process'

export interface Found {
  address: string
  family: number
}

/**
 * `family`: 0 for both, 4 or 6. Rejects with an error whose `code` is that of getaddrinfo(3): ENOTFOUND, EAI_AGAIN and
 * a few others.
 */
export type LookUp = (name: string, family: 0 | 4 | 6) => Promise<Found[]>

/** libuv gives half of them to look-ups. One that only waits costs about 10 KiB. */
const THREADS = 256

/** To start it takes some 40 ms of processor time, to keep it some 40 MiB. */
const IDLE_MS = 30_000

interface Asked {
  resolve: (found: Found[]) => void
  reject: (error: NodeJS.ErrnoException) => void
}

interface Question {
  id: number
  name: string
  family: 0 | 4 | 6
}

type Answer = { id: number; found: Found[] } | { id: number; code: string }

let helper: Helper | null = null

/** As LookUp. EAI_AGAIN also where the process could not be started, or was ended by somebody. */
export const lookUpAside: LookUp = (name, family) => {
  if (!helper || helper.isOver) helper = new Helper()
  return helper.ask(name, family)
}

/** What the process runs. As text: there is then no second file to be found from wherever this one was bundled into. */
function answerQuestions(): void {
  const { lookup } = process.getBuiltinModule('node:dns')
  process.on('message', ({ id, name, family }: Question) => {
    lookup(name, { all: true, family, verbatim: true }, (error, found) => {
      process.send?.(error ? { id, code: error.code } : { id, found })
    })
  })
  // An exit would wait for the look-ups that hang.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
}

class Helper {
  readonly #child: ChildProcess
  readonly #asked = new Map<number, Asked>()
  isOver = false
  #idle: NodeJS.Timeout | undefined
  #count = 0

  constructor() {
    // A group of its own: Ctrl-C is for us.
    this.#child = spawn(process.execPath, ['-e', `(${answerQuestions})()`], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      detached: true,
      env: { ...process.env, NODE_OPTIONS: '', UV_THREADPOOL_SIZE: String(THREADS) },
    })
    this.#child.on('message', (answer: Answer) => this.#answered(answer))
    for (const event of ['error', 'exit', 'disconnect']) this.#child.on(event, () => this.#end())
    // Who asks stays for the answer as long as they like.
    this.#child.unref()
    this.#child.channel?.unref()
  }

  ask(name: string, family: 0 | 4 | 6): Promise<Found[]> {
    clearTimeout(this.#idle)
    this.#count += 1
    const question: Question = { id: this.#count, name, family }
    return new Promise((resolve, reject) => {
      this.#asked.set(question.id, { resolve, reject })
      this.#child.send?.(question, (error) => {
        if (error) this.#end()
      })
    })
  }

  #answered(answer: Answer): void {
    const asked = this.#asked.get(answer.id)
    this.#asked.delete(answer.id)
    if ('found' in answer) asked?.resolve(answer.found)
    else asked?.reject(lookUpError(answer.code))
    if (this.#asked.size === 0) this.#idle = setTimeout(() => this.#end(), IDLE_MS).unref()
  }

  #end(): void {
    if (this.isOver) return
    this.isOver = true
    clearTimeout(this.#idle)
    this.#child.kill('SIGKILL')
    for (const { reject } of this.#asked.values()) reject(lookUpError('EAI_AGAIN'))
    this.#asked.clear()
  }
}

function lookUpError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`look-up failed: ${code}`), { code })
}

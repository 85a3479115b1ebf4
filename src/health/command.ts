// `type: command`: whether a program on this machine, which uses the forward as any client does, ends with 0. It is a
// process group of its own, and nothing of that is left when the check is over.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { type Problem, ProblemError } from '../model/problem.ts'
import { fillTemplate } from '../model/variables.ts'
import type { CheckCommand } from '../model/wanted.ts'
import { printable } from '../ssh/printable.ts'
import { guardGroup } from '../ssh/process-group.ts'
import type { Checked } from './checked.ts'

type Child = ChildProcessByStdio<null, Readable, Readable>

/** Enough of its output for the last line. */
const SAID_BYTES = 2_000
/** Nobody reads what a check prints. */
const MOST_BYTES = 1024 * 1024
/** What it said last may come a moment after its end; what it left in the background may never stop. */
const LAST_WORDS_MS = 200

/** Rejects with a ProblemError, or with `signal`'s reason once that has fired. By then the program has ended. */
export async function checkCommand(
  check: CheckCommand,
  checked: Checked,
  signal: AbortSignal,
): Promise<void> {
  const { address } = checked
  const [program = '', ...args] = check.command.map((word) => (address ? fillTemplate(word, address) : word))
  // `detached` is setsid(2).
  const child = spawn(program, args, {
    cwd: check.folder,
    env: check.environment as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const endGroup = child.pid === undefined ? () => {} : guardGroup(child.pid)
  signal.addEventListener('abort', endGroup, { once: true })
  try {
    const said = listen(child, endGroup)
    const ended = await untilEnd(child)
    signal.throwIfAborted()
    const why = said.isTooMuch ? `said more than ${MOST_BYTES / 1024 / 1024} MiB` : ended
    if (why !== null) throw failed(checked.name, program, why, said.lastLine)
  } finally {
    signal.removeEventListener('abort', endGroup)
    endGroup()
    child.stdout.destroy()
    child.stderr.destroy()
  }
}

interface Said {
  readonly lastLine: string
  readonly isTooMuch: boolean
}

function listen(child: Child, endGroup: () => void): Said {
  let bytes = 0
  let last: Buffer = Buffer.alloc(0)
  for (const output of [child.stdout, child.stderr]) {
    output.on('error', () => {})
    output.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      last = Buffer.concat([last, chunk.subarray(-SAID_BYTES)]).subarray(-SAID_BYTES)
      if (bytes > MOST_BYTES) endGroup()
    })
  }
  return {
    get lastLine() {
      const lines = last
        .toString('latin1')
        .trim()
        .split(/[\r\n]+/)
      return printable(lines.at(-1)?.trim() ?? '', 200)
    },
    get isTooMuch() {
      return bytes > MOST_BYTES
    },
  }
}

/** Null: with 0. Else how, in words. */
function untilEnd(child: Child): Promise<string | null> {
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve(`cannot be started: ${notStarted[error.code ?? ''] ?? printable(error.message, 100)}`),
    )
    child.once('exit', (code, signal) => {
      const ended =
        code === 0 ? null : code === null ? `was ended by ${signal}` : `ended with exit status ${code}`
      const timer = setTimeout(() => resolve(ended), LAST_WORDS_MS)
      child.once('close', () => {
        clearTimeout(timer)
        resolve(ended)
      })
    })
  })
}

const notStarted: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such program, or its folder is gone',
  EACCES: 'it may not be run',
}

/** Its arguments may hold what a variable holds: they are not told. */
function failed(name: string, program: string, why: string, said: string): ProblemError {
  const summary = `The healthcheck of ${name}, ${printable(basename(program), 60)}, ${why}`
  const problem: Problem = { code: 'UNHEALTHY', summary: said === '' ? summary : `${summary}: ${said}` }
  return new ProblemError(problem)
}

// One run of `ssh -G`, which prints what the user's ssh configuration says of a name. Bounded in time and output, and
// ended with everything that a `Match exec` started; what the lines mean is ssh-settings.ts's.

import { type ChildProcess, spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { withDeadline } from '../model/deadline.ts'
import { atProcessEnd } from './at-process-end.ts'

/** What a run came to, and what it looked at. */
export type Printed = Outcome & {
  /** Those that it read. */
  files: string[]
  /** Those in which it looked for more. */
  folders: string[]
}

type Outcome =
  | { kind: 'printed'; lines: string[] }
  /** There is no `ssh` that could be run. */
  | { kind: 'absent' }
  /** It refuses the configuration; `said` is why, in its own words. */
  | { kind: 'refused'; said: string }
  | { kind: 'late' }

export interface PrintOptions {
  /** All that it gets: PATH says where `ssh` is. */
  environment: Readonly<Record<string, string>>
  timeoutMs: number
  signal: AbortSignal
}

const LINGER_MS = 500
/** Several times what the longest configuration prints. */
const MOST_BYTES = 512 * 1024

/** `words`: options, `--` and the name, all checked before. Rejects with the signal's reason alone. */
export async function printSshConfig(words: readonly string[], options: PrintOptions): Promise<Printed> {
  options.signal.throwIfAborted()
  // In a group of its own, so that what it starts can be ended with it; -v names the files on standard error.
  const child = spawn('ssh', ['-v', '-G', ...words], {
    cwd: '/',
    detached: true,
    env: { ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr] = [collect(child, 'stdout'), collect(child, 'stderr')]
  const ended = await untilEnded(child, options)
  options.signal.throwIfAborted()
  const looked = { files: filesIn(stderr()), folders: foldersIn(stderr()) }
  if (ended === 'late' || ended === 'absent') return { kind: ended, ...looked }
  if (ended !== 0) return { kind: 'refused', said: complaintIn(stderr()), ...looked }
  return { kind: 'printed', lines: stdout().split('\n'), ...looked }
}

function collect(child: ChildProcess, name: 'stdout' | 'stderr'): () => string {
  let text = ''
  child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
    if (text.length < MOST_BYTES) text += chunk
  })
  return () => text
}

/** Its exit code; what a signal of somebody else ended counts as refused. */
async function untilEnded(
  child: ChildProcess,
  { timeoutMs, signal }: PrintOptions,
): Promise<number | 'absent' | 'late'> {
  const given = withDeadline(signal, timeoutMs)
  return new Promise((resolve) => {
    const end = () => endGroup(child)
    const giveUp = () => {
      end()
      stop()
      resolve('late')
    }
    given.addEventListener('abort', giveUp, { once: true })
    const stop = atProcessEnd(end)
    const done = (outcome: number | 'absent') => {
      given.removeEventListener('abort', giveUp)
      stop()
      resolve(outcome)
    }
    child.once('error', () => done('absent'))
    child.once('close', (code) => done(code ?? 1))
    // What a `Match exec` left in the background may hold on to standard error.
    child.once('exit', (code) => setTimeout(done, LINGER_MS, code ?? 1).unref())
  })
}

function endGroup({ pid, stdout, stderr }: ChildProcess): void {
  stdout?.destroy()
  stderr?.destroy()
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has just ended by itself.
  }
}

function filesIn(stderr: string): string[] {
  const read = stderr.matchAll(/^debug1: Reading configuration data (\/.*?)\r?$/gm)
  return [...new Set(Array.from(read, ([, file]) => file!))].filter((file) => file !== '/dev/null')
}

/** Where an Include found files, or looked for some, a new one counts, too. */
function foldersIn(stderr: string): string[] {
  const sought = stderr.matchAll(/^debug1: .* include (\/.*?) matched no files\r?$/gm)
  const [, ...included] = filesIn(stderr)
  const folders = [...included, ...Array.from(sought, ([, pattern]) => pattern!)].map((path) => dirname(path))
  return [...new Set(folders)].filter(isOfConfiguration)
}

/** In the others keys and known hosts come and go. */
export function isOfConfiguration(folder: string): boolean {
  return !/[*?[]/.test(folder) && !/\/(\.ssh|ssh)$/.test(folder)
}

function complaintIn(stderr: string): string {
  const lines = stderr
    .split(/\r?\n/)
    .filter((line) => line !== '' && !/^(debug\d: |OpenSSH_|Pseudo-terminal )/.test(line))
  return lines
    .slice(0, 5)
    .map((line) => line.slice(0, 300).replace(/\p{Cc}/gu, '?'))
    .join('\n')
}

// ProxyCommand of ssh_config(5): a command whose standard input and output lead to the server. It runs in the user's
// shell, in a process group of its own that ends with the connection; what is said over it is handshake.ts's.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { userInfo } from 'node:os'
import { Duplex } from 'node:stream'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { ProxyCommand, WantedHost } from '../model/wanted.ts'
import { howToSet } from './host-in-file.ts'
import { printable } from './printable.ts'
import { keepGroup } from './process-group.ts'

type Child = ChildProcessWithoutNullStreams
type Done = (error?: Error | null) => void

/** Enough of its standard error for the last line. */
const SAID_BYTES = 2_000
/** A command whose output has ended is about to end itself. */
const ENDING_MS = 1_000

/**
 * Rejects with a ProblemError (HOST_UNREACHABLE: it cannot be started, or has a token that ssh does not know), or with
 * `signal`'s reason. The stream fails with a ProblemError when the command ends badly; destroying it ends the command
 * and everything that it has started. `onSaid` gets the last line of its standard error, as it comes.
 */
export async function openProxyCommand(
  host: WantedHost,
  proxy: ProxyCommand,
  signal: AbortSignal,
  onSaid: (line: string) => void,
): Promise<Duplex> {
  const command = expandTokens(host, proxy.command)
  signal.throwIfAborted()
  // `detached` is setsid(2). As ssh does: with `exec` no shell lingers.
  const child = spawn(shellOf(), ['-c', `exec ${command}`], {
    env: proxy.environment as NodeJS.ProcessEnv,
    stdio: 'pipe',
    detached: true,
  })
  const stream = new ProxyStream(host, child, onSaid)
  await started(host, child)
  if (signal.aborted) stream.destroy()
  signal.throwIfAborted()
  return stream
}

/** TOKENS of ssh_config(5) that ProxyCommand takes. */
export function expandTokens(host: WantedHost, command: string): string {
  const values: Record<string, string> = {
    '%': '%',
    h: host.hostname,
    n: host.originalName,
    p: String(host.port),
    r: host.user,
  }
  return command.replace(/%(.?)/gsu, (token, letter: string) => {
    const value = Object.hasOwn(values, letter) ? values[letter]! : null
    if (value === null) throw unusable(host, `has ${printable(token)}, which it does not take`)
    if (!isSafe(value)) throw unusable(host, `would get characters of the shell by ${token}`)
    return value
  })
}

/** What valid_hostname() and valid_ruser() of OpenSSH's ssh.c refuse, and `$`: the value stands in a shell's command. */
function isSafe(value: string): boolean {
  return !/^-|[\s\p{C}'"`$;&<>|(){}]|\\$/u.test(value)
}

function unusable(host: WantedHost, why: string): ProblemError {
  return new ProblemError({
    code: 'HOST_UNREACHABLE',
    summary: `The proxy_command of ${host.name} ${why}`,
    hint: 'ProxyCommand takes %h, %n, %p, %r and %% (TOKENS in ssh_config(5)); their values are host names and users without characters of the shell',
  })
}

/** The login shell, which $SHELL is as a rule; an account without one gets what ssh takes without $SHELL. */
function shellOf(): string {
  const { shell } = userInfo()
  return shell && !/\/(nologin|false)$/.test(shell) ? shell : '/bin/sh'
}

function started(host: WantedHost, child: Child): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', ({ message }) =>
      reject(unusable(host, `cannot be started: ${printable(message, 100)}`)),
    )
  })
}

/** The command as a stream: its output is read as fast as we are read, `end` closes its input and no more. */
class ProxyStream extends Duplex {
  readonly #host: WantedHost
  readonly #child: Child
  readonly #endGroup: () => void
  #said = Buffer.alloc(0)
  #hasSpoken = false
  #isOver = false

  constructor(host: WantedHost, child: Child, onSaid: (line: string) => void) {
    super()
    this.#host = host
    this.#child = child
    this.#endGroup = child.pid === undefined ? () => {} : keepGroup(child.pid)
    // Whoever uses it may be between two listeners when it fails.
    this.on('error', () => {})
    child.on('error', () => {})
    child.once('close', () => {
      this.#isOver = true
    })
    child.stdin.on('error', () => this.#soon('exit', () => this.#refusedInput()))
    child.stdout.on('error', () => {}).once('close', () => this.#soon('close', () => this.#end()))
    child.stdout.on('data', (chunk: Buffer) => {
      this.#hasSpoken = true
      if (!this.push(chunk)) child.stdout.pause()
    })
    child.stderr.on('error', () => {})
    child.stderr.on('data', (chunk: Buffer) => {
      this.#said = Buffer.concat([this.#said, chunk]).subarray(-SAID_BYTES)
      onSaid(this.#lastLine)
    })
  }

  override _read(): void {
    this.#child.stdout.resume()
  }

  /** Where it takes no more, how it ended says why. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#child.stdin.write(chunk, (error) => {
      if (!error) done()
    })
  }

  override _final(done: Done): void {
    this.#child.stdin.end(() => done())
  }

  override _destroy(error: Error | null, done: Done): void {
    const { stdin, stdout, stderr } = this.#child
    for (const pipe of [stdin, stdout, stderr]) pipe.destroy()
    this.#endGroup()
    done(error)
  }

  /** Its end, and its last words, come a moment after that of a pipe, or never. */
  #soon(event: 'exit' | 'close', then: () => void): void {
    if (this.#isOver) return then()
    const timer = setTimeout(then, ENDING_MS)
    this.#child.once(event, () => {
      clearTimeout(timer)
      then()
    })
  }

  /** What has exited may still have said something that is not read yet. */
  #refusedInput(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#fail()
  }

  /** Only an end that says nothing of a failure is the server's own. */
  #end(): void {
    if (this.#child.exitCode === 0 && this.#hasSpoken) this.push(null)
    else this.#fail()
  }

  /** After all that came before it has been read. */
  #fail(): void {
    if (this.destroyed) return
    const fail = () => {
      if (this.readableLength === 0) this.destroy(new ProblemError(this.#problem()))
    }
    this.on('data', fail)
    fail()
  }

  #problem(): Problem {
    const said = this.#lastLine
    return {
      code: this.#hasSpoken ? 'HOST_LOST' : 'HOST_UNREACHABLE',
      summary: `The proxy_command of ${this.#host.name} ${describeEnd(this.#child)}${said && `: ${said}`}`,
      hint: `Try the command by itself: what it prints has to begin with SSH-2.0. To correct it, ${howToSet(this.#host, 'proxy_command: …')}`,
    }
  }

  get #lastLine(): string {
    const lines = this.#said
      .toString('latin1')
      .trim()
      .split(/[\r\n]+/)
    return printable(lines.at(-1)?.trim() ?? '', 200)
  }
}

function describeEnd({ exitCode, signalCode }: Child): string {
  if (signalCode !== null) return `was ended by ${signalCode}`
  if (exitCode === null) return 'closed its end'
  return exitCode === 0 ? 'ended before a server answered' : `ended with exit status ${exitCode}`
}

// What the user's ssh configuration sets for a name, as ssh itself understands it: `ssh -G` for that name, less what it
// prints without any configuration. Remembers answers for as long as the files that they came from stay the same.

import { accessSync, constants, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { hostnameComplaint, parseUser } from '../config/hostname.ts'
import { ProblemError } from '../model/problem.ts'
import { createPermits } from './permits.ts'
import type { SshConfigContent } from './ssh-config-content.ts'
import { withCopy } from './ssh-config-copy.ts'
import { isOfConfiguration, type Printed, type PrintOptions, printSshConfig } from './ssh-print.ts'
import { readSettings, type SshSettings } from './ssh-settings.ts'

/** What a person would type: `ssh [-F file] [-l user] [-p port] name`. */
export interface SshQuery {
  name: string
  user?: string
  port?: number
  /** What somebody has agreed to; null: the user's own and the machine's. */
  file: SshConfigContent | null
  /** Where `.ssh/config` is. */
  home: string
  /** All that ssh gets of the caller's environment. */
  environment: Readonly<Record<string, string>>
  /** The rest of it, for what ssh asks for by name: `${NAME}` in its files. */
  variables: Readonly<Record<string, string | undefined>>
}

/** `whose`: the configuration that was asked, for a sentence. */
export type SshAnswer =
  | { kind: 'settings'; settings: SshSettings }
  /** There is no ssh to ask. */
  | { kind: 'absent' }
  /** `said`: why, in its own words. */
  | { kind: 'refused'; whose: string; said: string }
  | { kind: 'late'; whose: string; afterMs: number }

/** DNS (CanonicalizeHostname) and `Match exec` take their time; whoever needs longer has a hanging one. */
const TIMEOUT_MS = 10_000
/** More at once only wait for each other. */
const MOST_AT_ONCE = 4
/** Variables that one configuration asks for, one a run. */
const MOST_VARIABLES = 8

interface Remembered {
  answer: Promise<Printed>
  /** How the files were when they were read; null where they may have changed while they were. */
  signature: Promise<string | null>
}

export class SshConfig {
  readonly #timeoutMs: number
  readonly #permits = createPermits(MOST_AT_ONCE)
  readonly #remembered = new Map<string, Remembered>()
  readonly #bare = new Map<string, Promise<Printed>>()
  #files = new Set<string>()

  constructor({ timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {}) {
    this.#timeoutMs = timeoutMs
  }

  /** Absolute paths, files and folders, that decided the answers since the last `forget`; some may not exist. */
  get files(): string[] {
    return [...this.#files].sort()
  }

  /** Asks anew from here on, whatever the files look like: `Match exec` may answer otherwise. */
  forget(): void {
    this.#remembered.clear()
    this.#files = new Set()
  }

  /**
   * Rejects with a ProblemError: CONFIG_SCHEMA for a name that must not reach a command line, CONFIG_SSH for a configuration
   * that nobody should believe. With the signal's reason when that fires.
   */
  async lookUp(query: SshQuery, signal: AbortSignal): Promise<SshAnswer> {
    refuseDangerous(query)
    const { words, files } = configurationOf(query)
    for (const file of files) this.#files.add(file)
    const bare = await this.#askBare(query, signal)
    if (bare.kind !== 'printed') return this.#withoutSettings(query, bare)
    const asked = [...words, ...nameOf(query)]
    const printed = await this.#remember(JSON.stringify([asked, query.file?.hash, query.environment]), () =>
      this.#ask(asked, query, signal),
    )
    for (const path of [...printed.files, ...printed.folders]) this.#files.add(path)
    if (printed.kind !== 'printed') return this.#withoutSettings(query, printed)
    const settings = readSettings(printed.lines, bare.lines, {
      files: printed.files,
      name: query.name,
      home: query.home,
    })
    return { kind: 'settings', settings }
  }

  #withoutSettings({ file }: SshQuery, printed: Exclude<Printed, { kind: 'printed' }>): SshAnswer {
    const whose = file?.path ?? 'your ssh configuration'
    if (printed.kind === 'absent') return { kind: 'absent' }
    if (printed.kind === 'late') return { kind: 'late', whose, afterMs: this.#timeoutMs }
    return { kind: 'refused', whose, said: printed.said }
  }

  async #remember(key: string, ask: () => Promise<Printed>): Promise<Printed> {
    const remembered = this.#remembered.get(key)
    if (remembered && (await isAsItWas(remembered))) return remembered.answer
    const askedAtMs = Date.now()
    const answer = ask()
    const signature = answer.then((printed) => signatureOf(printed, askedAtMs))
    signature.catch(() => {})
    this.#remembered.set(key, { answer, signature })
    // Nothing is learnt from one that was cut short, or that failed for a reason that may be gone.
    const forget = () => {
      if (this.#remembered.get(key)?.answer === answer) this.#remembered.delete(key)
    }
    answer.then(({ kind }) => kind !== 'printed' && forget(), forget)
    return answer
  }

  /** What it prints without configuration is the same for every name. */
  async #askBare(query: SshQuery, signal: AbortSignal): Promise<Printed> {
    const key = JSON.stringify(query.environment)
    const known = this.#bare.get(key)
    if (known) return known
    const asking = this.#ask(['-F', '/dev/null', '--', 'localhost'], { ...query, file: null }, signal)
    this.#bare.set(key, asking)
    const forget = () => this.#bare.delete(key)
    asking.then(({ kind }) => kind !== 'printed' && forget(), forget)
    return asking
  }

  /** A variable of its files that the environment lacks is given to it where the caller has it. */
  async #ask(words: readonly string[], query: SshQuery, signal: AbortSignal): Promise<Printed> {
    const environment = { ...query.environment }
    for (let added = 0; ; added++) {
      const options = { environment, timeoutMs: this.#timeoutMs, signal }
      const printed = await this.#permits(() =>
        query.file ? printOfCopy(query.file, nameOf(query), options) : printSshConfig(words, options),
      )
      const name =
        printed.kind === 'refused' ? /env var \$\{(\w+)\} has no value/.exec(printed.said)?.[1] : undefined
      const value = name === undefined ? undefined : query.variables[name]
      if (value === undefined || added === MOST_VARIABLES) return printed
      environment[name!] = value
    }
  }
}

/** Of the text that was agreed to. */
function printOfCopy(
  content: SshConfigContent,
  name: readonly string[],
  options: PrintOptions,
): Promise<Printed> {
  return withCopy(content, async ({ path, rename }) => {
    const printed = await printSshConfig(['-F', path, ...name], options)
    const looked = { files: [...content.files.keys()], folders: content.folders.filter(isOfConfiguration) }
    return printed.kind === 'refused'
      ? { ...printed, said: rename(printed.said), ...looked }
      : { ...printed, ...looked }
  })
}

/** The file's own check has refused them; what comes from ssh's files has not been there. */
function refuseDangerous({ name, user }: SshQuery): void {
  const complaint = hostnameComplaint(name)
  const parsedUser = user === undefined ? null : parseUser(user)
  if (complaint) throw dangerous(name, `must be a host name or an IP address${complaint}`)
  if (parsedUser && !parsedUser.ok) throw dangerous(user!, parsedUser.complaint)
}

function dangerous(text: string, complaint: string): ProblemError {
  return new ProblemError({ code: 'CONFIG_SCHEMA', summary: `${JSON.stringify(text)} ${complaint}` })
}

function nameOf({ name, user, port }: SshQuery): string[] {
  return [
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    '--',
    name,
  ]
}

const MACHINE_WIDE = '/etc/ssh/ssh_config'

/**
 * ssh itself looks for the home folder in passwd(5) and never at HOME. Where the two differ, HOME is meant, as for keys
 * and known_hosts; and because -F takes one file, the machine's is then read only without one there.
 */
function configurationOf({ file, home }: SshQuery): { words: string[]; files: string[] } {
  if (file !== null) return { words: ['-F', file.path], files: [file.path] }
  const own = join(home, '.ssh', 'config')
  const files = [own, MACHINE_WIDE]
  if (home === userInfo().homedir) return { words: [], files }
  if (isSafe(own)) return { words: ['-F', own], files }
  return { words: ['-F', isReadable(MACHINE_WIDE) ? MACHINE_WIDE : '/dev/null'], files }
}

/** As ssh asks of ~/.ssh/config, but not of a file that -F names. Throws a ProblemError; false where there is none. */
function isSafe(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false })
  if (!stats) return false
  const isOurs = stats.uid === 0 || stats.uid === process.getuid?.()
  if (isOurs && (stats.mode & 0o022) === 0) return true
  throw new ProblemError({
    code: 'CONFIG_SSH',
    summary: `${file} belongs to another user or may be written by others, and ssh refuses it`,
    hint: `chmod 600 ${file}`,
  })
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    return false
  }
}

async function isAsItWas({ answer, signature }: Remembered): Promise<boolean> {
  try {
    const before = await signature
    return before !== null && before === (await signatureOf(await answer, Number.POSITIVE_INFINITY))
  } catch {
    return false
  }
}

/** Linux stamps files with a clock that moves on in steps of up to 10 ms. */
const CLOCK_STEP_MS = 10

/**
 * Null where a file was written after ssh was asked, or so shortly before that nobody can tell: the answer may be from
 * before that, the look is from after it, and the next look would find nothing changed.
 */
async function signatureOf({ files, folders }: Printed, askedAtMs: number): Promise<string | null> {
  const looks = await Promise.all(
    [...files, ...folders].map((path) => stat(path, { bigint: true }).catch(errorCode)),
  )
  const isLate = looks.some((look) => typeof look !== 'string' && look.ctimeMs > askedAtMs - CLOCK_STEP_MS)
  if (isLate) return null
  return looks
    .map((look) =>
      typeof look === 'string' ? look : [look.dev, look.ino, look.size, look.mtimeNs, look.ctimeNs].join(),
    )
    .join(' ')
}

function errorCode(error: NodeJS.ErrnoException): string {
  return error.code ?? ''
}

// Opens a key file that is protected by a passphrase: with that of passphrase_env, else with what a person says. The
// slow hash runs in a thread, and the open key is kept for reconnects by secrets.ts.

import type { KeyObject } from 'node:crypto'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { Ask, Question } from '../model/prompt.ts'
import type { WantedHost } from '../model/wanted.ts'
import { decodePrivateKey, type Opened } from './private-key.ts'
import { fileIdentity, secrets } from './secrets.ts'

export interface LockedFile {
  path: string
  text: string
}

/** `ask` absent, or answering null: nobody is there, or wants to say it. */
export interface UnlockOptions {
  ask?: Ask | undefined
  signal: AbortSignal
}

/**
 * Rejects with a ProblemError (AUTH_NEEDS_PERSON: nobody said the passphrase; AUTH_FAILED: passphrase_env holds another
 * one, or the file cannot be read here), or with `signal`'s reason.
 */
export async function unlock(file: LockedFile, host: WantedHost, options: UnlockOptions): Promise<KeyObject> {
  const name = fileIdentity(file.path, file.text)
  const kept = secrets.key(name)
  if (kept) return kept
  const key =
    (await withVariable(file, host, options.signal)) ?? (await withPerson(name, file, host, options))
  secrets.keepKey(name, key)
  return key
}

/** Null where it is not set, or holds another one. */
async function withVariable(
  file: LockedFile,
  { passphrase }: WantedHost,
  signal: AbortSignal,
): Promise<KeyObject | null> {
  return passphrase === null ? null : tryPassphrase(file, passphrase, signal)
}

async function withPerson(
  name: string,
  file: LockedFile,
  host: WantedHost,
  { ask, signal }: UnlockOptions,
): Promise<KeyObject> {
  let tries = 0
  while (ask && tries < host.numberOfPasswordPrompts) {
    const said = await askUnlessKept(name, question(file, host, tries), ask, signal)
    if (said === null) break
    if (typeof said !== 'string') return said
    const key = await tryPassphrase(file, said, signal)
    if (key) return key
    tries += 1
  }
  const isVariableWrong = tries === 0 && host.passphrase !== null
  throw new ProblemError(
    isVariableWrong ? wrongVariableProblem(file, host) : needsPassphraseProblem(file, host, tries),
  )
}

/** Two hosts with one key ask at once; an answer to either is enough. Null: nobody says it. */
async function askUnlessKept(
  name: string,
  about: Question,
  ask: Ask,
  signal: AbortSignal,
): Promise<KeyObject | string | null> {
  const asking = new AbortController()
  const both = AbortSignal.any([signal, asking.signal])
  let stop = () => {}
  const kept = new Promise<KeyObject>((resolve) => {
    stop = secrets.whenKept(name, resolve)
  })
  try {
    const answer = ask(about, both)
    answer.catch(() => {})
    const first = await Promise.race([kept, answer])
    // As with ssh, no passphrase is a way to say no.
    return Array.isArray(first) ? first[0] || null : first
  } finally {
    stop()
    asking.abort()
  }
}

/** Null when it is the wrong one. */
async function tryPassphrase(
  { path, text }: LockedFile,
  passphrase: string,
  signal: AbortSignal,
): Promise<KeyObject | null> {
  const opened = await decodeAside(text, passphrase, signal)
  if ('key' in opened) return opened.key
  if (/unsupported|not supported|malformed|unknown|memory/i.test(opened.trouble)) {
    const summary = `${path} cannot be read here: ${opened.trouble}`
    const hint = `\`ssh-add ${path}\` hands it to the agent`
    throw new ProblemError({ code: 'AUTH_FAILED', summary, hint })
  }
  return null
}

/** A file may ask for any number of rounds: whoever waits can end it, and what it may take of memory is bounded. */
function decodeAside(text: string, passphrase: string, signal: AbortSignal): Promise<Opened> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const worker = new Worker(IN_THREAD, {
      eval: true,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 128 },
      workerData: { text, passphrase: Buffer.from(passphrase), ssh2: LOCATION_OF_SSH2 },
    })
    const abort = () => finish(() => reject(signal.reason))
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', abort)
      void worker.terminate()
      settle()
    }
    signal.addEventListener('abort', abort, { once: true })
    worker.once('message', (opened: Opened) => finish(() => resolve(opened)))
    worker.once('error', (error) => finish(() => resolve({ trouble: error.message })))
    worker.once('exit', () => finish(() => resolve({ trouble: 'the thread has ended' })))
  })
}

const LOCATION_OF_SSH2 = createRequire(import.meta.url).resolve('ssh2')

/** As text, because a bundle has no file for it; what it runs is type checked where it stands. */
const IN_THREAD = `
const { parentPort, workerData } = require('node:worker_threads')
const { createPrivateKey } = require('node:crypto')
const { parseKey } = require(workerData.ssh2).utils
const decode = ${decodePrivateKey}
const passphrase = Buffer.from(workerData.passphrase)
parentPort.postMessage(decode(workerData.text, passphrase, { parseKey, createPrivateKey }))
passphrase.fill(0)
`

const WRONG = 'What was said does not open it.'

function question({ path }: LockedFile, host: WantedHost, tries: number): Question {
  const isVariableWrong = tries === 0 && host.passphrase !== null
  const wrong = isVariableWrong ? 'What the variable of passphrase_env holds does not open it.' : WRONG
  return {
    kind: 'passphrase',
    summary: `The key ${path} for ${host.name} is protected by a passphrase`,
    ...(tries > 0 || isVariableWrong ? { detail: wrong } : {}),
    fields: [{ text: `Passphrase for ${path}:`, echo: false }],
  }
}

function needsPassphraseProblem({ path }: LockedFile, host: WantedHost, tries: number): Problem {
  return {
    code: 'AUTH_NEEDS_PERSON',
    summary: `The key ${path} for ${host.name} is protected by a passphrase`,
    ...(tries > 0 ? { detail: WRONG } : {}),
    hint: `\`tunnels up\` in a terminal asks for it; or load it into the agent with \`ssh-add ${path}\`, or name a variable with passphrase_env`,
  }
}

function wrongVariableProblem({ path }: LockedFile, host: WantedHost): Problem {
  return {
    code: 'AUTH_FAILED',
    summary: `The passphrase that passphrase_env of ${host.name} names does not open the key ${path}`,
    hint: 'Look whether the variable (or its line in .env) holds the passphrase of this key',
  }
}

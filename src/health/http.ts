// `type: http`: whether the target answers a GET with a status that counts as healthy. Its head is all that is read.

import { type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { type DialTarget, formatTarget, type Target } from '../model/address.ts'
import { ProblemError } from '../model/problem.ts'
import type { Check } from '../model/wanted.ts'
import { type Checked, NOBODY } from './checked.ts'

/** Of an answer. */
const HEAD_BYTES = 16 * 1024

/** Rejects with a ProblemError, or with anything once `signal` has fired. */
export async function checkHttp(
  { path, expectStatus }: Extract<Check, { type: 'http' }>,
  { name, to, dial, hostHeader }: Checked,
  signal: AbortSignal,
): Promise<void> {
  const { stream } = await dial(asDialled(to), NOBODY, signal)
  const stop = () => stream.destroy()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    const status = await ask(stream, { path, host: hostHeader ?? hostOf(to) })
    const [from, upTo] = expectStatus
    if (status < from || status > upTo) throw otherStatus(name, path, status, expectStatus)
  } catch (error) {
    throw error instanceof ProblemError ? error : noAnswer(name, path, error)
  } finally {
    signal.removeEventListener('abort', stop)
    stream.destroy()
  }
}

/** The file allows no HTTP check of SOCKS. */
function asDialled(to: Target): DialTarget {
  if (to.kind === 'socks') throw new Error('SOCKS has no page to ask for')
  return to
}

/** RFC 9110, section 7.2: the port where it is not the usual one. */
function hostOf(to: Target): string {
  if (to.kind !== 'tcp') return 'localhost'
  return formatTarget(to).replace(/:80$/, '')
}

/** The status of the answer. */
function ask(stream: Duplex, { path, host }: { path: string; host: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({
      createConnection: () => stream,
      path,
      headers: { host, 'user-agent': 'tunnels (healthcheck)', accept: '*/*', connection: 'close' },
      maxHeaderSize: HEAD_BYTES,
    })
    const answered = ({ statusCode = 0 }: IncomingMessage) => resolve(statusCode)
    sent.on('response', answered).on('upgrade', answered).on('error', reject).end()
  })
}

function otherStatus(
  name: string,
  path: string,
  status: number,
  [from, upTo]: readonly [number, number],
): ProblemError {
  const healthy = from === upTo ? `${from}` : `${from}-${upTo}`
  return new ProblemError({
    code: 'UNHEALTHY',
    summary: `What is behind ${name} answers ${path} with ${status}, where ${healthy} is healthy`,
    ...(status === 400 && { hint: 'It may expect TLS: a check of type connect or command suits that' }),
  })
}

function noAnswer(name: string, path: string, error: unknown): ProblemError {
  const { code = '' } = error as NodeJS.ErrnoException
  const why = code.startsWith('HPE_')
    ? (wrongAnswers[code] ?? 'answers with something that is not HTTP')
    : 'closes the connection without an answer'
  return new ProblemError({ code: 'UNHEALTHY', summary: `What is behind ${name}, asked for ${path}, ${why}` })
}

const wrongAnswers: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: `answers with a head of more than ${HEAD_BYTES / 1024} KiB`,
}

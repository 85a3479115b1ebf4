// Dials from this machine: where the connections of a remote forward go.

import { connect, type LookupFunction, type Socket } from 'node:net'
import { type DialTarget, formatTarget } from '../model/address.ts'
import { type ProblemCode, ProblemError } from '../model/problem.ts'
import { lookUp } from '../names/look-up.ts'
import type { Connection, Dial } from './carrier.ts'
import { openLocalSocket, socketOptions } from './local-socket.ts'
import type { StopSignal } from './stop.ts'
import { checkUnixPath } from './unix-path.ts'

const timeoutMs = 10_000

/** Rejects with TARGET_REFUSED, TARGET_UNRESOLVED, TARGET_UNREACHABLE or, after 10 s at the latest, TARGET_TIMEOUT. */
export const dialLocal: Dial = (target, _from, signal) => dialFromHere(target, signal, timeoutMs)

export function dialFromHere(target: DialTarget, signal: StopSignal, limitMs: number): Promise<Connection> {
  const tooLong = target.kind === 'unix' ? checkUnixPath(target.path) : null
  if (tooLong) return Promise.reject(problem('TARGET_UNREACHABLE', target, tooLong))
  return new Promise((resolve, reject) => {
    const socket = openSocket(target)
    const connection = openLocalSocket(socket, target.kind)
    const fail = (error: ProblemError) => {
      leave()
      socket.destroy()
      reject(error)
    }
    const onError = (error: NodeJS.ErrnoException) => fail(explainDialError(error, target))
    const onAbort = () => fail(problem('TARGET_UNREACHABLE', target, 'nobody waits for it any more'))
    const onTimeout = () => fail(problem('TARGET_TIMEOUT', target, `no answer within ${limitMs / 1000} s`))
    const onConnect = () => {
      leave()
      resolve(connection)
    }
    const timer = setTimeout(onTimeout, limitMs)
    const leave = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      socket.off('error', onError).off('connect', onConnect)
    }
    socket.on('error', onError).on('connect', onConnect)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
}

function openSocket(target: DialTarget): Socket {
  if (target.kind === 'unix') return connect({ ...socketOptions, path: target.path })
  const { host, port } = target
  return connect({
    host,
    port,
    ...socketOptions,
    lookup: isLocalhost(host) ? bothLoopbacks : lookUpForSocket,
  })
}

/** Not Node's own, which would wait behind every name server that says nothing. */
const lookUpForSocket: LookupFunction = (host, { all }, answer) => {
  lookUp(host, 0).then(
    (found) => (all ? answer(null, found) : answer(null, found[0]!.address, found[0]!.family)),
    (error: NodeJS.ErrnoException) => answer(error, ''),
  )
}

/** RFC 6761: localhost is this machine, whatever a hosts file says. */
function isLocalhost(host: string): boolean {
  return host.toLowerCase() === 'localhost'
}

const bothLoopbacks: LookupFunction = (_host, options, answer) => {
  if (!options.all) return answer(null, '127.0.0.1', 4)
  answer(null, [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ])
}

/** With several addresses each has failed: one that refused says more than one that was not there. */
function explainDialError(error: NodeJS.ErrnoException, target: DialTarget): ProblemError {
  const errors = error instanceof AggregateError ? (error.errors as NodeJS.ErrnoException[]) : [error]
  const codes = errors.map(({ code }) => code)
  if (codes.includes('ECONNREFUSED')) return problem('TARGET_REFUSED', target, 'connection refused')
  if (codes.some((code) => code === 'ENOTFOUND' || code?.startsWith('EAI_'))) {
    return problem('TARGET_UNRESOLVED', target, 'name not known on this machine')
  }
  if (codes.includes('ETIMEDOUT')) return problem('TARGET_TIMEOUT', target, 'connection timed out')
  return problem('TARGET_UNREACHABLE', target, reasons[codes[0] ?? ''] ?? String(error))
}

const reasons: Record<string, string> = {
  ENOENT: 'no such socket',
  EACCES: 'permission denied',
  ENOTSOCK: 'not a socket',
  EAGAIN: 'too many connections wait there',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ECONNRESET: 'connection reset',
}

function problem(code: ProblemCode, target: DialTarget, why: string): ProblemError {
  return new ProblemError({ code, summary: `Cannot reach ${formatTarget(target)} from this machine: ${why}` })
}

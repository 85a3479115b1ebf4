// Socket files that OpenSSH leaves on the server: removed by SFTP, only when they are sockets on which nobody answers.

import { posix } from 'node:path'
import type { SFTPWrapper } from 'ssh2'
import { withDeadline } from '../model/deadline.ts'
import type { SshCarrier } from './carrier.ts'
import { knock } from './knock.ts'

/** Best effort has an end. */
const TIMEOUT_MS = 5_000

/** `left`: somebody answers on it, or it could not be looked at or removed. Never rejects. */
export async function removeSocket(
  carrier: SshCarrier,
  path: string,
): Promise<'removed' | 'no socket' | 'left'> {
  const signal = withDeadline(carrier.closed, TIMEOUT_MS)
  const sftp = await openSftp(carrier, signal)
  if (!sftp) return 'left'
  try {
    const isSocket = await look(sftp, path, signal)
    if (!isSocket) return isSocket === false ? 'no socket' : 'left'
    if (!(await isDead(carrier, path, sftp, signal))) return 'left'
    return (await unlink(sftp, path, signal)) ? 'removed' : 'left'
  } catch {
    return 'left'
  } finally {
    end(sftp)
  }
}

/** Silence counts only where a living socket would have been heard. */
async function isDead(
  carrier: SshCarrier,
  path: string,
  sftp: SFTPWrapper,
  signal: AbortSignal,
): Promise<boolean> {
  if ((await knock(carrier, { kind: 'unix', path }, signal)) !== 'silent') return false
  return carrier.probe(posix.dirname(path), (probe) => unlink(sftp, probe, signal))
}

function look(sftp: SFTPWrapper, path: string, signal: AbortSignal): Promise<boolean | null> {
  return answer(signal, (done) => sftp.lstat(path, (error, stats) => done(error ? null : stats.isSocket())))
}

function unlink(sftp: SFTPWrapper, path: string, signal: AbortSignal): Promise<boolean | null> {
  return answer(signal, (done) => sftp.unlink(path, (error) => done(!error)))
}

function openSftp(carrier: SshCarrier, signal: AbortSignal): Promise<SFTPWrapper | null> {
  return answer(signal, (done) => {
    carrier.client.sftp((error, sftp) => {
      if (error) return done(null)
      sftp.on('error', () => {})
      if (signal.aborted) end(sftp)
      done(sftp)
    })
  })
}

/** Null when `signal` fires first, or when ssh2 throws because the connection has ended. */
function answer<T>(signal: AbortSignal, start: (done: (value: T | null) => void) => void): Promise<T | null> {
  return new Promise((resolve) => {
    const giveUp = () => resolve(null)
    if (signal.aborted) return giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      start((value) => {
        signal.removeEventListener('abort', giveUp)
        resolve(value)
      })
    } catch {
      giveUp()
    }
  })
}

function end(sftp: SFTPWrapper): void {
  try {
    sftp.end()
  } catch {
    // The connection has ended.
  }
}

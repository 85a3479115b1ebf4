// Socket files that OpenSSH leaves on the server: removed by SFTP, only when they are sockets on which nobody answers.

import type { SFTPWrapper } from 'ssh2'
import { problemOf } from '../model/problem.ts'
import type { SshCarrier } from './carrier.ts'
import { dial } from './channels.ts'

/** Best effort has an end. */
const TIMEOUT_MS = 5_000

/** `left`: somebody answers on it, or it could not be looked at or removed. Never rejects. */
export async function removeSocket(
  carrier: SshCarrier,
  path: string,
): Promise<'removed' | 'no socket' | 'left'> {
  const signal = AbortSignal.any([carrier.closed, AbortSignal.timeout(TIMEOUT_MS)])
  if (!(await isSilent(carrier, path, signal))) return 'left'
  const sftp = await openSftp(carrier, signal)
  if (!sftp) return 'left'
  try {
    const isSocket = await answer<boolean>(signal, (done) =>
      sftp.lstat(path, (error, stats) => done(!error && stats.isSocket())),
    )
    if (!isSocket) return isSocket === false ? 'no socket' : 'left'
    const removed = await answer<boolean>(signal, (done) => sftp.unlink(path, (error) => done(!error)))
    return removed ? 'removed' : 'left'
  } finally {
    end(sftp)
  }
}

async function isSilent(carrier: SshCarrier, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    const connection = await dial(carrier, { kind: 'unix', path }, { address: null, port: 0 }, signal)
    connection.abort()
    return false
  } catch (error) {
    return problemOf(error).code === 'TARGET_REFUSED'
  }
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

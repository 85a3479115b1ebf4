// Tells systemd that it may go on (sd_notify(3)), where this process is a unit of Type=notify: by systemd-notify(1), since
// Node has no datagrams over Unix sockets.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Invocation } from './invocation.ts'

/** Longer is a systemd that hangs. */
const TIMEOUT_MS = 5_000

/**
 * `READY=1` and others of sd_notify(3). Where nobody wants to know nothing is run; what fails is told, and changes nothing.
 */
export async function tellSystemd({ env, terminal }: Invocation, ...assignments: string[]): Promise<void> {
  const { NOTIFY_SOCKET, PATH } = env
  if (!NOTIFY_SOCKET) return
  try {
    const own = { NOTIFY_SOCKET, ...(PATH !== undefined && { PATH }) }
    await promisify(execFile)('systemd-notify', assignments, { env: own, timeout: TIMEOUT_MS })
  } catch (error) {
    terminal.complain(`systemd was not told ${assignments[0]}: ${(error as Error).message.split('\n')[0]}`)
  }
}

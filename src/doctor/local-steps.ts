// What of a forward is on this machine: whether the sockets that it listens on are free, and whether the target of a
// remote one answers. Listens for a moment where nothing else tells.

import { lstat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { dialLocal } from '../forward/local-dial.ts'
import { listenLocal } from '../forward/local-listener.ts'
import { findPortHolder } from '../forward/port-holder.ts'
import { formatSocketAddress, formatTarget, type SocketAddress, type Target } from '../model/address.ts'
import type { Step } from '../model/diagnosis.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import type { ForwardStatus } from '../model/status.ts'
import type { WantedLocalForward } from '../model/wanted.ts'
import { well, wrong } from './step.ts'

/** A forward of the supervisor that runs for this project, and that process. */
export interface Running {
  forward: ForwardStatus
  pid: number
}

export async function listenStep(forward: WantedLocalForward, running: Running | null): Promise<Step> {
  const [held, free]: [string[], string[]] = [[], []]
  try {
    for (const address of forward.listen) {
      const isHeld = await isHeldOrFree(address, forward, running)
      ;(isHeld ? held : free).push(formatSocketAddress(address))
    }
  } catch (error) {
    return wrong('listen', problemOf(error))
  }
  const by = held.length > 0 ? [`${held.join(' and ')}: held by this project (process ${running?.pid})`] : []
  return well('listen', [...by, ...(free.length > 0 ? [`${free.join(' and ')}: free`] : [])].join('; '))
}

/** True: our own supervisor listens there. Rejects when somebody else does. */
async function isHeldOrFree(
  address: SocketAddress,
  forward: WantedLocalForward,
  running: Running | null,
): Promise<boolean> {
  const isShown = running?.forward.listen.includes(formatSocketAddress(address)) ?? false
  if (isShown && running?.forward.state === 'open') return true
  try {
    await tryListening(address, forward)
    return false
  } catch (error) {
    // What is shown of one that is not open may be what it asks for: then the system knows who has it.
    if (isShown && (await isHeldBy(running!, address, problemOf(error)))) return true
    throw error
  }
}

async function isHeldBy(
  { pid, forward }: Running,
  address: SocketAddress,
  { code }: Problem,
): Promise<boolean> {
  if (code !== 'PORT_IN_USE') return false
  const holder = address.kind === 'tcp' ? await findPortHolder(address.host, address.port) : null
  return holder ? holder.pid === pid : forward.problem?.code !== 'PORT_IN_USE'
}

async function tryListening(address: SocketAddress, { socket }: WantedLocalForward): Promise<void> {
  // Its folder is made when it opens: no business of who only looks.
  if (address.kind === 'unix' && !(await exists(dirname(address.path)))) return
  const listener = await listenLocal(address, socket, (incoming) => incoming.refuse())
  await listener.close()
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

/** The target of a remote forward, dialled from here. */
export async function targetHereStep(to: Target, signal: AbortSignal): Promise<Step> {
  if (to.kind === 'socks') return well('target', 'SOCKS: whatever its clients ask for')
  try {
    const connection = await dialLocal(to, { address: null, port: 0 }, signal)
    connection.abort()
    return well('target', `${formatTarget(to)} answers this machine`)
  } catch (error) {
    signal.throwIfAborted()
    return wrong('target', problemOf(error), ['Start what should answer there, or correct `to`'])
  }
}

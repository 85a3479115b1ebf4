// Notices that this machine slept or stood still, and that it got another address: both make it worth asking at once
// what would be asked later. What is asked then is left to the hosts.

import { networkInterfaces } from 'node:os'

/** A poll, because no system call tells of both, Linux and macOS tell in different ways, and a look costs 0.1 ms. */
const LOOK_MS = 1_000

/** A busy machine is late, too. */
const LATE_MS = 3_000

/** Calls `onChange` after a sleep, and when an address came that was not there before. Returns its stop. */
export function watchSurroundings(onChange: () => void, look: Look = lookAround): () => void {
  let before = look()
  const timer = setInterval(() => {
    const now = look()
    const slept = Math.max(now.wallMs - before.wallMs, now.steadyMs - before.steadyMs) - LOOK_MS > LATE_MS
    const arrived = [...now.addresses].some((address) => !before.addresses.has(address))
    before = now
    if (slept || arrived) onChange()
  }, LOOK_MS)
  // Nothing to stay for.
  timer.unref()
  return () => clearInterval(timer)
}

/** Linux stops the steady clock while the machine sleeps, and lets it go on while a process is stopped. */
export interface Seen {
  wallMs: number
  steadyMs: number
  addresses: ReadonlySet<string>
}

type Look = () => Seen

/** Link-local addresses come and go with containers, and lead to no host. */
function lookAround(): Seen {
  const all = Object.entries(networkInterfaces()).flatMap(([name, own]) =>
    (own ?? []).map(({ address, internal, scopeid }) => ({ name, address, internal, scopeid })),
  )
  const outside = all.filter(({ internal, scopeid }) => !internal && !scopeid)
  return {
    wallMs: Date.now(),
    steadyMs: performance.now(),
    addresses: new Set(outside.map(({ name, address }) => `${name} ${address}`)),
  }
}

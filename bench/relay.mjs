// @ts-check
// A longer or narrower way to one port, in a process of its own: each byte arrives `delayMs` later, and none sooner
// than the rate allows. What does not fit into the queue of the bottleneck stays with the sender, as TCP has it.
// Argument: { to, delayMs, bytesPerSecond, queueBytes } as JSON; says its port to who forked it.

import { connect, createServer } from 'node:net'

const { to, delayMs, bytesPerSecond, queueBytes } = JSON.parse(process.argv[2] ?? '{}')

const rate = bytesPerSecond || Number.POSITIVE_INFINITY
/** Small pieces where there is a rate: a big one would hold up all that comes after it. */
const PIECE = bytesPerSecond ? 4096 : 65_536

/** @type {Set<() => number>} what each direction does next; returns when (ms), or Infinity */
const ways = new Set()
let isRunning = false

const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
  const far = connect({ port: to, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  pass(near, far)
  pass(far, near)
})
server.listen(0, '127.0.0.1', () => {
  process.send?.(/** @type {import('node:net').AddressInfo} */ (server.address()).port)
})
process.on('disconnect', () => process.exit())

/**
 * One direction: the bottleneck first, then the way.
 * @param {import('node:net').Socket} from
 * @param {import('node:net').Socket} into
 */
function pass(from, into) {
  /** @type {{ atMs: number, chunk: Buffer | null }[]} */
  const travelling = []
  let freeAtMs = 0
  let hasEnded = false
  const queued = () => (bytesPerSecond ? ((freeAtMs - performance.now()) / 1000) * rate : 0)
  const depart = (/** @type {Buffer | null} */ chunk) => {
    const now = performance.now()
    freeAtMs = Math.max(freeAtMs, now) + ((chunk?.length ?? 0) / rate) * 1000
    travelling.push({ atMs: freeAtMs + delayMs, chunk })
    run()
  }
  const step = () => {
    const now = performance.now()
    while (travelling[0] && travelling[0].atMs <= now) {
      const { chunk } = /** @type {{ chunk: Buffer | null }} */ (travelling.shift())
      if (chunk) into.write(chunk)
      else into.end()
    }
    if (from.isPaused() && queued() <= queueBytes) from.resume()
    const resumeAtMs = from.isPaused() ? freeAtMs - (queueBytes / rate) * 1000 : Infinity
    return Math.min(travelling[0]?.atMs ?? Infinity, resumeAtMs)
  }
  const leave = () => {
    ways.delete(step)
    from.destroy()
    into.destroy()
  }
  ways.add(step)
  from.on('data', (chunk) => {
    for (let at = 0; at < chunk.length; at += PIECE) depart(chunk.subarray(at, at + PIECE))
    if (queued() > queueBytes) from.pause()
  })
  from.on('end', () => {
    hasEnded = true
    depart(null)
  })
  from.on('close', () => {
    if (!hasEnded) leave()
  })
  from.on('error', leave)
}

function run() {
  if (isRunning) return
  isRunning = true
  turn()
}

function turn() {
  let nextMs = Infinity
  for (const step of ways) nextMs = Math.min(nextMs, step())
  if (nextMs === Infinity) {
    isRunning = false
    return
  }
  // The times are computed, not counted: a timer that is late makes nothing late for long.
  setTimeout(turn, Math.max(1, nextMs - performance.now()))
}

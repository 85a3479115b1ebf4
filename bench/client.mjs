// @ts-check
// Who uses the tunnel, in a process of its own: does one piece of work when asked, checks that it really happened,
// and says how it went. A way is a port, or a SOCKS proxy's port and the target behind it.

import { once } from 'node:events'
import { connect } from 'node:net'

/** @typedef {{ port: number, socks?: number }} Way `port` is the target's where there is a proxy */

const MIB = 1024 * 1024
const READ = Buffer.allocUnsafe(MIB)
const WRITE = Buffer.alloc(1 << 18, 'x')

/** @type {Record<string, (...args: any[]) => Promise<unknown>>} */
const work = {
  /** MiB/s of a download, over so many streams at once. */
  async down(/** @type {Way} */ way, /** @type {number} */ bytes, streams = 1) {
    const begin = performance.now()
    await each(streams, () => receive(way, bytes / streams))
    return { speed: speed(bytes, begin) }
  },

  /** MiB/s of an upload, until the far end has said that it has it all. */
  async up(/** @type {Way} */ way, /** @type {number} */ bytes) {
    const begin = performance.now()
    await send(way, bytes)
    return { speed: speed(bytes, begin) }
  },

  async both(/** @type {Way} */ down, /** @type {Way} */ up, /** @type {number} */ bytes) {
    const begin = performance.now()
    await Promise.all([receive(down, bytes), send(up, bytes)])
    return { speed: speed(2 * bytes, begin) }
  },

  /** From connect() to the first byte back, so many at a time. */
  async connects(/** @type {Way} */ way, /** @type {number} */ times, /** @type {number} */ parallel) {
    /** @type {number[]} */
    const seen = []
    let begun = 0
    const begin = performance.now()
    await each(parallel, async () => {
      while (begun++ < times) seen.push(await oneAnswer(way))
    })
    const rate = times / ((performance.now() - begin) / 1000)
    return { ...percentiles(seen), rate }
  },

  /** Round trips of one byte on an open connection. */
  async roundTrips(/** @type {Way} */ way, /** @type {number} */ times, limitMs = 5_000) {
    const socket = await open(way)
    const end = performance.now() + limitMs
    /** @type {number[]} */
    const seen = []
    for (let index = 0; index < times && performance.now() < end; index++) {
      const begin = performance.now()
      socket.write('x')
      await answer(socket)
      seen.push(performance.now() - begin)
    }
    socket.destroy()
    return percentiles(seen)
  },

  /** Begins a download without end; `speedOf` says how it goes from its call on, `drop` ends it. */
  async flood(/** @type {Way} */ way) {
    const socket = await open(way, (bytes) => {
      flooded += bytes
    })
    kept.push(socket)
    socket.write('endless\n')
    while (flooded === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  },

  async speedOf(/** @type {number} */ ms) {
    const [before, begin] = [flooded, performance.now()]
    await new Promise((resolve) => setTimeout(resolve, ms))
    return { speed: speed(flooded - before, begin) }
  },

  /** Opens connections through which one byte went and came back, and keeps them. */
  async keep(/** @type {Way} */ way, /** @type {number} */ count) {
    let begun = 0
    await each(50, async () => {
      while (begun++ < count) {
        const socket = await open(way)
        socket.write('x')
        await answer(socket)
        kept.push(socket)
      }
    })
  },

  async drop() {
    await Promise.all(kept.splice(0).map((socket) => once(socket.destroy(), 'close')))
    flooded = 0
  },

  /** Ms until each of the ports carries a byte there and back. */
  async untilAllAnswer(/** @type {number[]} */ ports, /** @type {number} */ limitMs) {
    const begin = performance.now()
    await Promise.all(ports.map((port) => untilAnswer({ port }, begin + limitMs)))
    return { ms: performance.now() - begin }
  },
}

/** @type {import('node:net').Socket[]} */
const kept = []
let flooded = 0

process.on('disconnect', () => process.exit())
process.on('message', async (/** @type {any} */ { id, name, args }) => {
  try {
    process.send?.({ id, value: await work[name]?.(...args) })
  } catch (error) {
    process.send?.({ id, error: `${name}: ${error instanceof Error ? error.message : error}` })
  }
})
process.send?.('ready')

/**
 * @param {number} count
 * @param {() => Promise<unknown>} action
 */
function each(count, action) {
  return Promise.all(Array.from({ length: count }, action))
}

/** @param {Way} way @param {number} bytes */
async function receive(way, bytes) {
  let got = 0
  const socket = await open(way, (count) => {
    got += count
  })
  socket.write(`${bytes}\n`)
  await once(socket, 'close')
  if (got !== bytes) throw new Error(`received ${got} of ${bytes} bytes`)
}

/** @param {Way} way @param {number} bytes */
async function send(way, bytes) {
  let said = ''
  const socket = await open(way)
  socket.on('data', (chunk) => {
    said += chunk
  })
  const closed = once(socket, 'close')
  for (let sent = 0; sent < bytes; sent += WRITE.length)
    if (!socket.write(WRITE.subarray(0, Math.min(WRITE.length, bytes - sent)))) await once(socket, 'drain')
  socket.end()
  await closed
  if (Number(said) !== bytes) throw new Error(`the far end had ${said} of ${bytes} bytes`)
}

/** @param {Way} way */
async function oneAnswer(way) {
  const begin = performance.now()
  const socket = await open(way)
  socket.write('x')
  await answer(socket)
  const ms = performance.now() - begin
  socket.end()
  return ms
}

/** @param {Way} way @param {number} limit */
async function untilAnswer(way, limit) {
  for (;;) {
    try {
      return await oneAnswer(way)
    } catch (error) {
      if (performance.now() > limit) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

/**
 * Rejects when it is refused. With `onBytes` what comes is counted in one buffer, and never becomes an object.
 * @param {Way} way
 * @param {(bytes: number) => void} [onBytes]
 * @returns {Promise<import('node:net').Socket>}
 */
async function open({ port, socks }, onBytes) {
  let onread = onBytes
  const options = {
    port: socks ?? port,
    host: '127.0.0.1',
    noDelay: true,
    allowHalfOpen: true,
    ...(onBytes && {
      onread: {
        buffer: READ,
        callback: (/** @type {number} */ bytes) => {
          onread?.(bytes)
          return true
        },
      },
    }),
  }
  const socket = connect(options)
  socket.on('end', () => socket.end())
  await once(socket, 'connect')
  socket.on('error', () => {})
  if (socks !== undefined)
    await askSocks(socket, port, onBytes ? (listen) => (onread = listen ?? onBytes) : null)
  return socket
}

/**
 * @param {import('node:net').Socket} socket
 * @param {number} port
 * @param {((listen: ((bytes: number) => void) | null) => void) | null} listen where bytes are only counted
 */
async function askSocks(socket, port, listen) {
  const heard = (/** @type {number} */ length) =>
    listen
      ? new Promise((resolve) => listen((bytes) => bytes >= length && resolve(READ[1])))
      : answer(socket).then((chunk) => chunk[1])
  const methods = heard(2)
  socket.write(Buffer.from([5, 1, 0]))
  await methods
  const reply = heard(10)
  socket.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255]))
  if ((await reply) !== 0) throw new Error('the proxy refused')
  listen?.(null)
}

/**
 * What comes next; rejects where nothing does.
 * @param {import('node:net').Socket} socket
 * @returns {Promise<Buffer>}
 */
function answer(socket) {
  return new Promise((resolve, reject) => {
    const close = () => reject(new Error('ended before an answer'))
    socket.once('close', close)
    socket.once('data', (chunk) => {
      socket.off('close', close)
      resolve(chunk)
    })
  })
}

/** @param {number[]} values */
function percentiles(values) {
  const sorted = values.sort((a, b) => a - b)
  return { p50: sorted[Math.floor(sorted.length / 2)], p99: sorted[Math.floor(sorted.length * 0.99)] }
}

/** @param {number} bytes @param {number} begin */
function speed(bytes, begin) {
  return bytes / MIB / ((performance.now() - begin) / 1000)
}

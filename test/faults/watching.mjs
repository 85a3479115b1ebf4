// How the fault lab looks at things: processes, and forwards as their users see them: by connections of their own and
// by one that stays open.

import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Looks until it holds; rejects after `limitMs`. */
export async function until(check, limitMs = 20_000) {
  const end = Date.now() + limitMs
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`still not so after ${limitMs / 1000} s: ${check}`)
    await sleep(20)
  }
}

/** Children of `pid`, and theirs. */
export function descendantsOf(pid) {
  const parents = readdirSync('/proc').flatMap((name) => {
    const stat = /^\d+$/.test(name) ? readFile(`/proc/${name}/stat`) : ''
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return stat && state !== 'Z' ? [[Number(name), Number(parent)]] : []
  })
  const walk = (parent) =>
    parents.filter((entry) => entry[1] === parent).flatMap(([child]) => [child, ...walk(child)])
  return walk(pid)
}

/** Tries a forward to an echo service with a new connection ten times a second; `isLater`: from `lookFrom` on. */
export function probe(port, isLater = false) {
  let firstGoodAt = null
  let after = Number.POSITIVE_INFINITY
  const timer = setInterval(async () => {
    if (isLater && Date.now() < after) return
    const startedAt = Date.now()
    const isGood = await isAnswered(port)
    if (isGood && startedAt >= after)
      firstGoodAt = Math.min(firstGoodAt ?? Number.POSITIVE_INFINITY, Date.now())
  }, 100)
  return {
    /** From now on, or from when a fault ended. */
    lookFrom(time) {
      after = time
      firstGoodAt = null
    },
    firstGoodAt: () => firstGoodAt,
    stop: () => clearInterval(timer),
  }
}

/** Whether a new connection to an echo service brings its bytes back within `limitMs`. */
export function isAnswered(port, limitMs = 1_000) {
  const sent = randomBytes(8)
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    const settle = (is) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(is)
    }
    const timer = setTimeout(() => settle(false), limitMs)
    const got = []
    socket.on('error', () => settle(false)).on('close', () => settle(false))
    socket.on('data', (chunk) => {
      got.push(chunk)
      const all = Buffer.concat(got)
      if (all.length >= sent.length) settle(all.equals(sent))
    })
    socket.write(sent)
  })
}

/** One connection to an echo service that stays open; what comes back must be what was sent. */
export function openStream(port, { everyMs = 100, bytes = 64 } = {}) {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  let outstanding = Buffer.alloc(0)
  const stream = { state: 'open', lastAt: 0, received: 0, gaps: [], close: () => socket.destroy() }
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    const isRight = outstanding.subarray(0, chunk.length).equals(chunk)
    if (!isRight) stream.state = 'wrong'
    outstanding = outstanding.subarray(chunk.length)
    stream.received += chunk.length
    stream.lastAt = Date.now()
  })
  const timer = setInterval(() => {
    if (outstanding.length > 1 << 20) return
    const chunk = randomBytes(bytes)
    outstanding = Buffer.concat([outstanding, chunk])
    socket.write(chunk)
  }, everyMs)
  socket.on('close', () => {
    clearInterval(timer)
    if (stream.state === 'open') stream.state = 'lost'
  })
  return stream
}

/** Sends as much as a forward takes; what comes back is thrown away. */
export function pour(port) {
  let lostAt = null
  const socket = connect({ host: '127.0.0.1', port })
  const chunk = Buffer.alloc(65_536)
  const fill = () => {
    while (socket.write(chunk));
  }
  socket
    .on('error', () => {})
    .on('close', () => {
      lostAt = Date.now()
    })
  socket.on('drain', fill).resume()
  fill()
  return { lostAt: () => lostAt, close: () => socket.destroy() }
}

/** Sends so many bytes through an echo service, and compares what comes back by its hash. */
export function exchange(port, bytes, limitMs = 180_000) {
  const [sent, received] = [createHash('sha256'), createHash('sha256')]
  let [left, got] = [bytes, 0]
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const settle = (how) => {
      socket.destroy()
      resolve(how)
    }
    const timer = setTimeout(() => settle('late'), limitMs)
    const send = () => {
      while (left > 0) {
        const chunk = randomBytes(Math.min(left, 65_536))
        left -= chunk.length
        sent.update(chunk)
        if (!socket.write(chunk)) return
      }
    }
    socket.on('drain', send).on('error', () => settle('cut'))
    socket.on('close', () => {
      clearTimeout(timer)
      settle('cut')
    })
    socket.on('data', (chunk) => {
      received.update(chunk)
      got += chunk.length
      if (got === bytes) settle(sent.digest('hex') === received.digest('hex') ? 'equal' : 'wrong')
    })
    send()
  })
}

function readFile(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

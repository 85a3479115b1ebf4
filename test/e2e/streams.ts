// Connections in use all the time while something else happens: bytes go out and come back without a pause, each
// compared with what it must be, and probes knock at the same ports. Who answers says its name first.

import { connect, type Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { startServer, type TestServer } from '../helpers/servers.ts'
import { someBytes } from './bytes.ts'

/** Says `name` and a line feed, then sends back what comes. */
export function startNamedEcho(name: string): Promise<TestServer> {
  return startServer((socket) => {
    socket.write(`${name}\n`)
    pipeline(socket, socket, () => {})
  })
}

export interface Stream {
  /** The name of who answers. */
  readonly name: string
  /** Null as long as nothing was lost. */
  broken(): string | null
  /** Resolves when what is sent from now on has come back; rejects when the stream has broken. */
  flows(): Promise<void>
  /** Ends in order, and rejects unless every byte that was sent has come back. */
  end(): Promise<void>
}

/** A port of 127.0.0.1 or of another address, or a socket's path. */
export type Place = number | { host: string; port: number } | string

function knockAt(place: Place): Socket {
  if (typeof place === 'string') return connect(place)
  return typeof place === 'number' ? connect(place, '127.0.0.1') : connect(place)
}

/** Long enough that a lost or doubled block cannot line up again with it. */
const pattern = someBytes(1_000_003)
const blockBytes = 1_024
const blockEveryMs = 5
const ahead = 256 * blockBytes

/** To a named echo. Resolves when it streams. */
export async function openStream(to: Place): Promise<Stream> {
  const socket = knockAt(to)
  atEnd(() => void socket.destroy())
  const sent = { bytes: 0, isEnding: false }
  const seen = { bytes: 0, broken: null as string | null }
  const failed = (why: string) => {
    seen.broken ??= `${why} after ${seen.bytes} of ${sent.bytes} bytes`
  }
  socket.on('error', (error) => failed(String(error)))
  const name = await readName(socket)
  const timer = setInterval(() => {
    if (!sent.isEnding && sent.bytes - seen.bytes < ahead) socket.write(nextBlock(sent))
  }, blockEveryMs)
  socket.on('data', (chunk: Buffer) => {
    if (!chunk.equals(patternAt(seen.bytes, chunk.length))) failed('other bytes came back')
    seen.bytes += chunk.length
  })
  socket.on('close', () => {
    clearInterval(timer)
    if (!sent.isEnding || seen.bytes !== sent.bytes) failed('closed')
  })
  const flows = async () => {
    const goal = sent.bytes + 1
    await eventually(() => seen.broken !== null || seen.bytes >= goal, { everyMs: 5 })
    if (seen.broken !== null) throw new Error(`A stream to ${name} broke: ${seen.broken}`)
  }
  const end = async () => {
    await flows()
    sent.isEnding = true
    socket.end()
    await eventually(() => socket.closed)
    if (seen.broken !== null) throw new Error(`The end of a stream to ${name} got lost: ${seen.broken}`)
  }
  return { name, broken: () => seen.broken, flows, end }
}

export interface Probes {
  /** Those that came back, and why others did not. */
  readonly answered: () => number
  readonly failures: string[]
  /** Resolves when each port has answered again; rejects when any probe has failed. */
  allAnswer(): Promise<void>
  stop(): Promise<void>
}

/** Knocks at each of these ports again and again: a new connection every time, which waits for the name. */
export function startProbes(ports: readonly number[]): Probes {
  const failures: string[] = []
  const answered = ports.map(() => 0)
  const run = { isEnding: false }
  const knock = async (port: number, index: number) => {
    while (!run.isEnding) {
      const answer = await probe(port)
      if (answer.startsWith('!')) failures.push(`${port} ${answer}`)
      else answered[index]! += 1
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const ended = Promise.all(ports.map(knock))
  const stop = async () => {
    run.isEnding = true
    await ended
  }
  atEnd(stop)
  const allAnswer = async () => {
    const before = [...answered]
    await eventually(() => failures.length > 0 || answered.every((count, index) => count > before[index]!))
    if (failures.length > 0) throw new Error(`Probes failed:\n${failures.slice(0, 20).join('\n')}`)
  }
  return { answered: () => answered.reduce((sum, count) => sum + count, 0), failures, allAnswer, stop }
}

/** The name of who answers behind this port, or `!` and the code of the error; `!END` when nobody said anything. */
export function probe(to: Place): Promise<string> {
  return new Promise((resolve) => {
    const socket = knockAt(to)
    socket.setTimeout(20_000, () => socket.destroy(Object.assign(new Error(), { code: 'SILENCE' })))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
      if (text.endsWith('\n')) socket.end()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(`!${error.code}`))
    socket.on('close', () => resolve(text === '' ? '!END' : text.trim()))
  })
}

/** Median and maximum for whoever reads the run; never a reason to fail. */
export function report(what: string, ms: readonly number[]): void {
  const sorted = [...ms].sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  const worst = sorted.at(-1) ?? 0
  process.stderr.write(
    `${what}: median ${Math.round(median)} ms, max ${Math.round(worst)} ms (${ms.length})\n`,
  )
}

function readName(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const read = (chunk: Buffer) => {
      text += chunk
      if (!text.endsWith('\n')) return
      socket.off('data', read)
      resolve(text.trim())
    }
    socket.on('data', read)
    socket.once('close', () => reject(new Error('closed before anybody answered')))
  })
}

function nextBlock(sent: { bytes: number }): Buffer {
  const block = patternAt(sent.bytes, blockBytes)
  sent.bytes += blockBytes
  return block
}

function patternAt(offset: number, length: number): Buffer {
  const start = offset % pattern.length
  if (start + length <= pattern.length) return pattern.subarray(start, start + length)
  return Buffer.concat([pattern.subarray(start), patternAt(0, length - (pattern.length - start))])
}

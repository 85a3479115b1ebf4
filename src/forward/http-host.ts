// `http: { host_header }`: gives every request of an HTTP/1 connection another Host, so that virtual hosts
// answer. All else passes byte for byte, at its own pace, which is why this is a filter in the relay and no
// proxy: it answers nothing itself, keeps half-close, and leaves alone what is not HTTP/1.

import { type BodyLength, parseRequestHead, withHost } from './http-request-head.ts'
import type { Filter } from './relay.ts'

/** Where in the client's stream we are; `raw` is for good. */
type State =
  | { at: 'head' }
  | { at: 'body'; left: number }
  | { at: 'chunk-size' }
  | { at: 'chunk-end'; left: number }
  | { at: 'trailers' }
  | { at: 'raw' }

const nothing = Buffer.alloc(0)
const CR = 13
const LF = 10
const maxHeadBytes = 256 * 1024
/** A method (RFC 9110 section 9.1), perhaps not all of it yet. */
const startOfRequest = /^[\r\n]*([!#$%&'*+.^_`|~0-9A-Za-z-]*$|[!#$%&'*+.^_`|~0-9A-Za-z-]+ )/

/** One for each connection. */
export function createHostFilter(host: string): Filter {
  let state: State = { at: 'head' }
  let held: Buffer = nothing
  let answers: UpgradeWatch | null = null

  const forth = (chunk: Buffer): Buffer => {
    if (answers?.isUpgraded) state = { at: 'raw' }
    let bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    held = nothing
    const out: Buffer[] = []
    while (bytes.length > 0) {
      const step = takeStep(state, bytes, host)
      if (step === 'more') {
        held = bytes
        break
      }
      if (step.isUpgrade !== undefined) answers = step.isUpgrade ? new UpgradeWatch() : null
      state = step.next
      out.push(step.out)
      bytes = bytes.subarray(step.length)
    }
    return out.length === 1 && out[0] ? out[0] : Buffer.concat(out)
  }
  return { forth, rest: () => held, back: (chunk) => answers?.see(chunk) }
}

type Step = { next: State; length: number; out: Buffer; isUpgrade?: boolean }

function takeStep(state: State, bytes: Buffer, host: string): Step | 'more' {
  switch (state.at) {
    case 'head':
      return takeHead(bytes, host)
    case 'body':
      return pass(bytes, state.left, (left) => (left === 0 ? { at: 'head' } : { at: 'body', left }))
    case 'chunk-size':
      return takeChunkSize(bytes)
    case 'chunk-end':
      return pass(bytes, state.left, (left) =>
        left === 0 ? { at: 'chunk-size' } : { at: 'chunk-end', left },
      )
    case 'trailers':
      return takeTrailer(bytes)
    case 'raw':
      return raw(bytes)
  }
}

/** Blank lines before a request are allowed (RFC 9112 section 2.2). */
function takeHead(bytes: Buffer, host: string): Step | 'more' {
  if (!startOfRequest.test(bytes.toString('latin1', 0, 64))) return raw(bytes)
  const length = headLength(bytes)
  if (length === null) return bytes.length > maxHeadBytes ? raw(bytes) : 'more'
  const head = parseRequestHead(bytes.toString('latin1', 0, length))
  if (!head) return raw(bytes)
  const out = Buffer.from(withHost(head, host), 'latin1')
  return {
    next: head.isTunnel ? { at: 'raw' } : afterHead(head.body),
    length,
    out,
    isUpgrade: head.isUpgrade,
  }
}

/** Up to and with the blank line that ends it; null when it has not come yet. Looks no further: many may follow. */
function headLength(bytes: Buffer): number | null {
  const firstLine = bytes.findIndex((byte) => byte !== CR && byte !== LF)
  if (firstLine === -1) return null
  for (let at = bytes.indexOf(LF, firstLine); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    const next = bytes[at + 1] === CR ? at + 2 : at + 1
    if (bytes[next] === LF) return next + 1
  }
  return null
}

function afterHead(body: BodyLength): State {
  if (body === 'chunked') return { at: 'chunk-size' }
  if (body === 'unknown') return { at: 'raw' }
  return body === 0 ? { at: 'head' } : { at: 'body', left: body }
}

/** RFC 9112 section 7.1: the size, and extensions that nobody uses; its data end with a line break of their own. */
function takeChunkSize(bytes: Buffer): Step | 'more' {
  const end = bytes.indexOf('\n')
  if (end === -1) return bytes.length > 1024 ? raw(bytes) : 'more'
  const hex = /^([0-9a-fA-F]{1,13})[ \t]*(;.*)?\r?$/.exec(bytes.toString('latin1', 0, end))?.[1]
  if (hex === undefined) return raw(bytes)
  const size = Number.parseInt(hex, 16)
  const next: State = size === 0 ? { at: 'trailers' } : { at: 'chunk-end', left: size + 2 }
  return { next, length: end + 1, out: bytes.subarray(0, end + 1) }
}

function takeTrailer(bytes: Buffer): Step | 'more' {
  const end = bytes.indexOf('\n')
  if (end === -1) return bytes.length > maxHeadBytes ? raw(bytes) : 'more'
  const line = bytes.subarray(0, end + 1)
  const isLast = line.toString('latin1').trim() === ''
  return { next: { at: isLast ? 'head' : 'trailers' }, length: line.length, out: line }
}

function pass(bytes: Buffer, left: number, next: (left: number) => State): Step {
  const out = bytes.subarray(0, left)
  return { next: next(left - out.length), length: out.length, out }
}

function raw(bytes: Buffer): Step {
  return { next: { at: 'raw' }, length: bytes.length, out: bytes }
}

/** Looks at the answers to a request that asked for an upgrade: after 101 the connection is no longer HTTP. */
class UpgradeWatch {
  isUpgraded = false
  #begin = ''

  see(chunk: Buffer): void {
    if (this.#begin.length >= 12) return
    this.#begin = (this.#begin + chunk.toString('latin1', 0, 12)).slice(0, 12)
    this.isUpgraded = /^HTTP\/1\.[01] 101$/.test(this.#begin)
  }
}

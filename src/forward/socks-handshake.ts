// The conversation with a SOCKS client up to its request, as a machine that is fed bytes and knows no socket:
//
//   version ─4→ SOCKS4 request ──────────────────────────────→ requested
//      └───5→ methods ─no auth→ SOCKS5 request ──────────────→ requested
//                └──auth→ credentials ─right→ SOCKS5 request → requested
//   anything else → refused, with the answer that is due

import { createHash, timingSafeEqual } from 'node:crypto'
import { formatReply } from './socks-reply.ts'
import {
  type Credentials,
  type Destination,
  type Invalid,
  type Parsed,
  parseCredentials,
  parseMethods,
  parseSocks4Request,
  parseSocks5Request,
  parseVersion,
} from './socks-request.ts'

export interface SocksAuth {
  username: string
  password: string
}

/** `say`: what to send now, perhaps nothing. `rest`: early data, which belongs to the target. */
export type Turn =
  | { kind: 'listening'; say: Buffer }
  | { kind: 'requested'; version: 4 | 5; destination: Destination; say: Buffer; rest: Buffer }
  | { kind: 'refused'; say: Buffer }

type State = 'version' | 'methods' | 'credentials' | 'socks5' | 'socks4'

const noAuth = 0x00
const usernamePassword = 0x02
const noneAcceptable = 0xff
const nothing = Buffer.alloc(0)

/** Feed it what comes, in any pieces, until it no longer listens. It holds at most some hundred bytes more than a piece. */
export function createSocksHandshake(auth: SocksAuth | null): (chunk: Buffer) => Turn {
  let state: State = 'version'
  let bytes: Buffer = nothing
  return (chunk) => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const said: Buffer[] = []
    for (;;) {
      const step = takeStep(state, bytes, auth)
      said.push(step.say)
      const say = Buffer.concat(said)
      if (step.kind === 'refused') return { kind: 'refused', say }
      if (step.kind === 'more') return { kind: 'listening', say }
      bytes = bytes.subarray(step.length)
      if (step.kind === 'requested') return { ...step, say, rest: bytes }
      state = step.next
    }
  }
}

type Step =
  | { kind: 'more'; say: Buffer }
  | { kind: 'refused'; say: Buffer }
  | { kind: 'next'; next: State; length: number; say: Buffer }
  | { kind: 'requested'; version: 4 | 5; destination: Destination; length: number; say: Buffer }

function takeStep(state: State, bytes: Buffer, auth: SocksAuth | null): Step {
  switch (state) {
    case 'version':
      return after(parseVersion(bytes), nothing, (version) => startVersion(version, auth))
    case 'methods':
      return after(parseMethods(bytes), nothing, (methods) => chooseMethod(methods, auth))
    case 'credentials':
      return after(parseCredentials(bytes), Buffer.from([1, 1]), (credentials) =>
        checkCredentials(credentials, auth),
      )
    case 'socks5':
      return request(5, parseSocks5Request(bytes))
    case 'socks4':
      return request(4, parseSocks4Request(bytes))
  }
}

type Decision = { next: State; say: Buffer } | { refuse: Buffer }

function after<T>(parsed: Parsed<T>, ifInvalid: Buffer, decide: (value: T) => Decision): Step {
  if (parsed.kind === 'more') return { kind: 'more', say: nothing }
  if (parsed.kind === 'invalid') return { kind: 'refused', say: ifInvalid }
  const decision = decide(parsed.value)
  if ('refuse' in decision) return { kind: 'refused', say: decision.refuse }
  // The version byte is looked at, and read again as part of what follows.
  const length = decision.next === 'methods' || decision.next === 'socks4' ? 0 : parsed.length
  return { kind: 'next', next: decision.next, length, say: decision.say }
}

/** SOCKS4 has no password: where one is wanted it is turned away. */
function startVersion(version: 4 | 5, auth: SocksAuth | null): Decision {
  if (version === 5) return { next: 'methods', say: nothing }
  return auth ? { refuse: formatReply(4, 1) } : { next: 'socks4', say: nothing }
}

function chooseMethod(methods: number[], auth: SocksAuth | null): Decision {
  const wanted = auth ? usernamePassword : noAuth
  if (!methods.includes(wanted)) return { refuse: Buffer.from([5, noneAcceptable]) }
  return { next: auth ? 'credentials' : 'socks5', say: Buffer.from([5, wanted]) }
}

function checkCredentials({ username, password }: Credentials, auth: SocksAuth | null): Decision {
  const isRight = auth !== null && isEqual(username, auth.username) && isEqual(password, auth.password)
  return isRight ? { next: 'socks5', say: Buffer.from([1, 0]) } : { refuse: Buffer.from([1, 1]) }
}

/** In constant time, whatever the lengths. */
function isEqual(given: Buffer, wanted: string): boolean {
  const digest = (value: Buffer | string) => createHash('sha256').update(value).digest()
  return timingSafeEqual(digest(given), digest(wanted))
}

function request(version: 4 | 5, parsed: Parsed<Destination>): Step {
  if (parsed.kind === 'more') return { kind: 'more', say: nothing }
  if (parsed.kind === 'invalid') return { kind: 'refused', say: formatReply(version, replyTo(parsed)) }
  return { kind: 'requested', version, destination: parsed.value, length: parsed.length, say: nothing }
}

function replyTo({ wrong }: Invalid) {
  if (wrong === 'command') return 7
  return wrong === 'address-type' ? 8 : 1
}

// The TCP connection to a host: name to addresses, then the addresses side by side until one answers
// (RFC 8305, in the small), from the address or interface that BindAddress / BindInterface name.

import { connect, isIP, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { ProblemError } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import { lookUp } from '../names/look-up.ts'
import { LentReads } from './lent-reads.ts'
import {
  type Address,
  type Failure,
  noSourceProblem,
  unreachableProblem,
  unresolvedProblem,
} from './socket-problem.ts'

/** How long an address has before the next one is tried beside it (RFC 8305 section 5). */
const STAGGER_MS = 250

/** And then all of them again: the system itself repeats what was lost ever more seldom, up to 30 s apart. */
const AGAIN_MS = 2_000

const FAMILY = { any: 0, inet: 4, inet6: 6 } as const

/**
 * Rejects with a ProblemError (HOST_UNRESOLVED, HOST_UNREACHABLE, HOST_TIMEOUT), or with `signal`'s reason. The caller
 * closes the socket; those that lost are closed here. `onFound`: the name has addresses, from here on they are dialled.
 */
export async function openSocket(host: WantedHost, signal: AbortSignal, onFound = () => {}): Promise<Socket> {
  const from = await sourceAddresses(host, signal)
  const addresses = usable(await resolve(host, signal), from)
  onFound()
  if (addresses.length === 0) throw new ProblemError(noSourceProblem(host))
  return race(host, addresses, from, signal)
}

async function resolve(host: WantedHost, signal: AbortSignal): Promise<Address[]> {
  try {
    const found = await unlessAborted(lookUp(host.hostname, FAMILY[host.addressFamily]), signal)
    return interleave(found)
  } catch (error) {
    signal.throwIfAborted()
    throw new ProblemError(unresolvedProblem(host, error as NodeJS.ErrnoException))
  }
}

/** Rejects with `signal`'s reason as soon as it fires; the work goes on unheard. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Families in turn, the system's first choice first. */
function interleave(addresses: Address[]): Address[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family)
  const other = addresses.filter(({ family }) => family !== addresses[0]?.family)
  const length = Math.max(first.length, other.length)
  return Array.from({ length }, (_, index) => [first[index], other[index]])
    .flat()
    .filter((address) => address !== undefined)
}

/** Null: any. BindAddress may be a name, as for ssh. */
async function sourceAddresses(host: WantedHost, signal: AbortSignal): Promise<Address[] | null> {
  const { bindAddress } = host
  if (bindAddress !== null) {
    const family = isIP(bindAddress)
    return family !== 0 ? [{ address: bindAddress, family }] : named(host, bindAddress, signal)
  }
  if (host.bindInterface === null) return null
  const found = networkInterfaces()[host.bindInterface] ?? []
  return found.map(({ address, family }) => ({ address, family: family === 'IPv6' ? 6 : 4 }))
}

async function named(host: WantedHost, name: string, signal: AbortSignal): Promise<Address[]> {
  try {
    return await unlessAborted(lookUp(name, FAMILY[host.addressFamily]), signal)
  } catch {
    signal.throwIfAborted()
    throw new ProblemError(noSourceProblem(host))
  }
}

function usable(addresses: Address[], from: Address[] | null): Address[] {
  return addresses.filter(({ family }) => from === null || from.some((source) => source.family === family))
}

function race(
  host: WantedHost,
  addresses: Address[],
  from: Address[] | null,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const attempts: { address: Address; socket: Socket }[] = []
    const failures: Failure[] = []
    let timer: NodeJS.Timeout | undefined
    const end = (winner?: Socket) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      for (const { socket } of attempts) if (socket !== winner) socket.destroy()
    }
    const abort = () => {
      end()
      reject(signal.reason)
    }
    const tryNext = () => {
      clearTimeout(timer)
      const address = addresses[attempts.length] ?? oldestSilent(addresses, attempts, failures)
      const socket = dial(host, address, from)
      attempts.push({ address, socket })
      const fail = (error: NodeJS.ErrnoException) => failed(address, error)
      socket.once('error', fail)
      socket.once('connect', () => {
        end(socket)
        socket.off('error', fail)
        resolve(socket)
      })
      timer = setTimeout(tryNext, attempts.length < addresses.length ? STAGGER_MS : AGAIN_MS)
    }
    const failed = (address: Address, error: NodeJS.ErrnoException) => {
      failures.push({ address: address.address, error })
      for (const other of attempts) if (other.address === address) other.socket.destroy()
      if (attempts.length < addresses.length) return tryNext()
      if (failures.length < addresses.length) return
      end()
      reject(new ProblemError(unreachableProblem(host, failures)))
    }
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    else tryNext()
  })
}

/** Of those that have not answered the one that was tried longest ago, which is given up where it was tried twice. */
function oldestSilent(
  addresses: Address[],
  attempts: { address: Address; socket: Socket }[],
  failures: Failure[],
): Address {
  const silent = addresses.filter(({ address }) => failures.every((failure) => failure.address !== address))
  const lastTry = (address: Address) => attempts.findLastIndex((attempt) => attempt.address === address)
  const oldest = silent.reduce((one, other) => (lastTry(other) < lastTry(one) ? other : one))
  const tries = attempts.filter(({ address }) => address === oldest)
  for (const { socket } of tries.slice(0, -1)) socket.destroy()
  return oldest
}

function dial(host: WantedHost, { address, family }: Address, from: Address[] | null): Socket {
  const source = from?.find((candidate) => candidate.family === family)
  const reads = new LentReads()
  const socket = connect({
    host: address,
    port: host.port,
    family,
    noDelay: true,
    keepAlive: true,
    onread: reads.onread,
    ...(source ? { localAddress: source.address } : {}),
  })
  // A socket that lost the race may still fail.
  return reads.attach(socket).on('error', () => {})
}

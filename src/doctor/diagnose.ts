// `tunnels doctor`: each host on connections of its own, then the forwards that go through it. What runs is asked
// about and left alone; everything that is opened here is closed at the end.

import type { Duplex } from 'node:stream'
import type { Carrier } from '../forward/carrier.ts'
import type { Diagnosis, ForwardDiagnosis, HostDiagnosis } from '../model/diagnosis.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import type { Status } from '../model/status.ts'
import { formatEndpoint, type Wanted, type WantedForward, type WantedHost } from '../model/wanted.ts'
import { connect } from '../ssh/connect.ts'
import type { Progress } from '../ssh/handshake.ts'
import { diagnoseForward } from './forward-steps.ts'
import { hostSteps } from './host-steps.ts'
import type { Running } from './local-steps.ts'
import { askPolicy, type Policy } from './policy.ts'
import type { FarSide } from './remote-steps.ts'
import { notReached, wrong } from './step.ts'

export interface DiagnoseOptions {
  /** Of the supervisor that runs for this project; null where none does. */
  status: Status | null
  /** Each as soon as it and all before it are known: a host, then the forwards via it. */
  onFound: (found: HostDiagnosis | ForwardDiagnosis) => void
  signal: AbortSignal
}

/** A host that was looked at. `far` null: not connected. */
interface Seen {
  diagnosis: HostDiagnosis
  far: FarSide | null
}

/** Each step is bounded by its host's connect_timeout. Rejects with `signal`'s reason; all is closed by then. */
export async function diagnose(
  { hosts, forwards }: Pick<Wanted, 'hosts' | 'forwards'>,
  { status, onFound, signal }: DiagnoseOptions,
): Promise<Pick<Diagnosis, 'hosts' | 'forwards'>> {
  const carriers: Carrier[] = []
  const end = new AbortController()
  const both = AbortSignal.any([signal, end.signal])
  const seen = new Map<string, Promise<Seen>>()
  const look = (host: WantedHost): Promise<Seen> => {
    const before = seen.get(host.name)
    if (before) return before
    const jump = host.jump === null ? undefined : hosts.get(host.jump)
    const looking = lookAt(host, jump ? look(jump) : null, { carriers, status, signal: both })
    seen.set(host.name, looking)
    return looking
  }
  const found: Pick<Diagnosis, 'hosts' | 'forwards'> = { hosts: [], forwards: [] }
  try {
    const all = [...hosts.values()].map((host) => {
      const via = [...forwards.values()].filter((forward) => forward.via === host.name)
      return lookThrough(look(host), via, status, both)
    })
    // Whichever is told first, none may fail unheard.
    for (const work of all) work.catch(() => {})
    for (const work of all) {
      const { host, through } = await work
      found.hosts.push(host)
      found.forwards.push(...through)
      for (const each of [host, ...through]) onFound(each)
    }
    return found
  } finally {
    end.abort()
    for (const carrier of carriers.reverse()) carrier.close()
  }
}

async function lookThrough(
  looking: Promise<Seen>,
  forwards: WantedForward[],
  status: Status | null,
  signal: AbortSignal,
): Promise<{ host: HostDiagnosis; through: ForwardDiagnosis[] }> {
  const { diagnosis, far } = await looking
  const through = new Map<string, ForwardDiagnosis>()
  const diagnoseOne = async (forward: WantedForward) => {
    const running = runningOf(forward, status)
    through.set(forward.name, await diagnoseForward(forward, running, far, signal))
  }
  const [remote, local] = [true, false].map((is) => forwards.filter(({ kind }) => (kind === 'remote') === is))
  await Promise.all(local!.map(diagnoseOne))
  // One after the other: each may run a command there, and a server counts them.
  for (const forward of remote!) await diagnoseOne(forward)
  return { host: diagnosis, through: forwards.map(({ name }) => through.get(name)!) }
}

/**
 * What the supervisor calls by this name may be of an older file: then it holds something else. Its listeners here stay
 * while its host is lost; those at the host go with the connection.
 */
function runningOf({ name, kind, via }: WantedForward, status: Status | null): Running | null {
  const forward = status?.forwards.find((each) => each.name === name && each.state !== 'draining')
  if (!forward || !status || forward.kind !== kind || forward.via !== via) return null
  if (kind === 'remote' && forward.state !== 'open') return null
  return { forward, pid: status.supervisor.pid }
}

async function lookAt(
  host: WantedHost,
  jumping: Promise<Seen> | null,
  { carriers, status, signal }: { carriers: Carrier[]; status: Status | null; signal: AbortSignal },
): Promise<Seen> {
  const jump = await jumping
  const endpoint = formatEndpoint(host)
  const progress: Progress = { step: 'connecting' }
  const told = (problem: Problem | null): HostDiagnosis => ({
    name: host.name,
    endpoint,
    steps: hostSteps(host, progress, problem),
  })
  if (jump && !jump.far) return { diagnosis: { name: host.name, endpoint, steps: behind(host) }, far: null }
  try {
    const openStream = jump?.far && through(jump.far.carrier, host)
    const carrier = await connect(host, { signal, progress, ...(openStream && { openStream }) })
    if (signal.aborted) carrier.close()
    signal.throwIfAborted()
    carriers.push(carrier)
    return { diagnosis: told(null), far: farSideOf(host, carrier, progress, signal) }
  } catch (error) {
    signal.throwIfAborted()
    return { diagnosis: told(besideRunning(host, problemOf(error), status)), far: null }
  }
}

/** What a person has said to the supervisor stays with it: where it is let in, more is known than we can find out. */
function besideRunning({ name }: WantedHost, problem: Problem, status: Status | null): Problem {
  const isOpen = status?.hosts.some((host) => host.name === name && host.state === 'open')
  if (!isOpen || problem.code !== 'AUTH_NEEDS_PERSON') return problem
  const known = `The project that runs is connected to ${name}: \`tunnels status\` says what its connections have met`
  return { ...problem, hint: problem.hint ? `${known}\n${problem.hint}` : known }
}

function farSideOf(host: WantedHost, carrier: Carrier, progress: Progress, signal: AbortSignal): FarSide {
  let asked: Promise<Policy> | null = null
  const policy = () => {
    asked ??= askPolicy(carrier, signal)
    return asked
  }
  return {
    carrier,
    address: progress.address ?? null,
    timeoutMs: host.connectTimeoutMs,
    policy,
    signal,
  }
}

function through(carrier: Carrier, { hostname, port }: WantedHost): (signal: AbortSignal) => Promise<Duplex> {
  const target = { kind: 'tcp', host: hostname, port } as const
  return async (signal) => (await carrier.dial(target, { address: null, port: 0 }, signal)).stream
}

/** The jump host's own block says what is wrong. */
function behind(host: WantedHost) {
  const summary = `The jump host ${host.jump} of ${host.name} is not reached`
  const rest = (['banner', 'host_key', 'login'] as const).map(notReached)
  return [wrong('jump', { code: 'HOST_UNREACHABLE', summary }), ...rest]
}

// What a client may ask for, checked before anybody acts on it: the socket is the owner's alone, but the owner may
// have another version, or curl.

import type {
  AnswerRequest,
  DownRequest,
  LeaseRequest,
  PlanRequest,
  ProbeRequest,
  ReconcileRequest,
  RestartRequest,
  Selection,
  TrustRequest,
} from './protocol.ts'
import { RefusedRequest } from './request-body.ts'

type Body = Readonly<Record<string, unknown>>
type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const areTexts: Check = (value) => Array.isArray(value) && value.every(isText)
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const orAbsent =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const isMap: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)

const selection: Readonly<Record<keyof Selection, Check>> = {
  files: areTexts,
  found: orAbsent((value) => typeof value === 'boolean'),
  input: orAbsent(isText),
  envFile: orNull(isText),
  profiles: areTexts,
  names: orNull(areTexts),
  also: orAbsent(areTexts),
  stopped: areTexts,
  environment: (value) => isMap(value) && areTexts(Object.values(value as Body)),
  projectName: orNull(isText),
  trusted: orAbsent(areTexts),
}

/** The body of `lease`. Throws a RefusedRequest (400). */
export function readLease(body: Body): LeaseRequest {
  refuseUnknown(body, ['selection', 'pid', 'autoPorts'])
  const { selection } = readSelection({ selection: body.selection ?? null })
  const { pid, autoPorts } = body
  if (pid !== undefined && !Number.isSafeInteger(pid)) throw refuse('pid')
  if (autoPorts !== undefined && typeof autoPorts !== 'boolean') throw refuse('autoPorts')
  return {
    selection: selection!,
    ...(pid !== undefined && { pid: pid as number }),
    ...(autoPorts !== undefined && { autoPorts }),
  }
}

/** The body of `reconcile`. Throws a RefusedRequest (400). */
export function readReconcile({ http, names, ...body }: Body): ReconcileRequest {
  if (http !== undefined && !isText(http)) throw refuse('http')
  if (names !== undefined && body.selection !== undefined)
    throw noGood('names and selection are one too many')
  return {
    ...readBrought(body),
    ...readNames({ names }),
    ...(http !== undefined && { http: http as string }),
  }
}

/** The body of `trust`. Throws a RefusedRequest (400). */
export function readTrust({ lease, ...body }: Body): TrustRequest {
  if (lease !== undefined && typeof lease !== 'boolean') throw refuse('lease')
  return { ...readBrought(body), ...(lease !== undefined && { lease }) }
}

function readBrought(body: Body): Pick<TrustRequest, 'selection' | 'trusted'> {
  refuseUnknown(body, ['selection', 'trusted'])
  const { selection } = body
  return { ...readSelection({ ...(selection !== undefined && { selection }) }), ...readTrusted(body) }
}

/** The body of `restart`. Throws a RefusedRequest (400). */
export function readRestart(body: Body): RestartRequest {
  refuseUnknown(body, ['names', 'trusted'])
  return { ...readNames(body), ...readTrusted(body) }
}

function readTrusted({ trusted }: Body): { trusted?: string[] } {
  if (trusted === undefined) return {}
  if (!areTexts(trusted)) throw refuse('trusted')
  return { trusted: trusted as string[] }
}

/** The body of `plan`. Throws a RefusedRequest (400). */
export function readSelection(body: Body): PlanRequest {
  refuseUnknown(body, ['selection'])
  if (body.selection === undefined) return {}
  if (!isMap(body.selection)) throw refuse('selection')
  const given = body.selection as Body
  refuseUnknown(given, Object.keys(selection), 'selection.')
  for (const [key, check] of Object.entries(selection)) {
    if (!check(given[key])) throw refuse(`selection.${key}`)
  }
  return { selection: given as unknown as Selection }
}

/** The body of `down`. Throws a RefusedRequest (400). */
export function readDown(body: Body): DownRequest {
  refuseUnknown(body, ['names', 'drainMs'])
  const { drainMs } = body
  const isDuration = typeof drainMs === 'number' && Number.isFinite(drainMs) && drainMs >= 0
  if (drainMs !== undefined && !isDuration) throw refuse('drainMs')
  return { ...readNames(body), ...(drainMs !== undefined && { drainMs: drainMs as number }) }
}

/** Nobody waits longer for a connection, and every wait has a bound. */
const LONGEST_PROBE_MS = 600_000

/** The body of `probe`. Throws a RefusedRequest (400). */
export function readProbe(body: Body): ProbeRequest {
  refuseUnknown(body, ['names', 'timeoutMs', 'auto'])
  const { timeoutMs, auto } = body
  const isDuration = typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= LONGEST_PROBE_MS
  if (timeoutMs !== undefined && !isDuration) throw refuse('timeoutMs')
  if (auto !== undefined && typeof auto !== 'boolean') throw refuse('auto')
  return {
    ...readNames(body),
    ...(timeoutMs !== undefined && { timeoutMs: timeoutMs as number }),
    ...(auto !== undefined && { auto }),
  }
}

function readNames({ names }: Body): { names?: string[] } {
  if (names === undefined) return {}
  if (!areTexts(names)) throw refuse('names')
  return { names: names as string[] }
}

/** `{ "name": ["web"] }` would close everything, not web. */
function refuseUnknown(body: Body, known: readonly string[], above = ''): void {
  const unknown = Object.keys(body).find((key) => !known.includes(key))
  if (unknown !== undefined) throw noGood(`there is no ${above}${unknown}`)
}

/** No person types more, and no server asks for more at once. */
const MOST_ANSWERS = 64
const LONGEST_ANSWER = 16 * 1024

/** The body of `answer`. Throws a RefusedRequest (400) that says nothing of what was in it. */
export function readAnswer(body: Body): AnswerRequest {
  refuseUnknown(body, ['id', 'answers'])
  const { id, answers } = body
  if (!isText(id)) throw refuse('id')
  const isBounded = (given: string[]) =>
    given.length <= MOST_ANSWERS && given.every(({ length }) => length <= LONGEST_ANSWER)
  if (answers !== null && !(areTexts(answers) && isBounded(answers as string[]))) throw refuse('answers')
  return { id: id as string, answers: answers as string[] | null }
}

function refuse(key: string): RefusedRequest {
  return noGood(`${key} is not what it should be`)
}

function noGood(reason: string): RefusedRequest {
  return new RefusedRequest(400, { code: 'USAGE', summary: `The request is no good: ${reason}` })
}

// What a client may ask for, checked before anybody acts on it: the socket is the owner's alone, but the owner may
// have another version, or curl.

import type { DownRequest, PlanRequest, RestartRequest, Selection } from './protocol.ts'
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
  input: orAbsent(isText),
  envFile: orNull(isText),
  profiles: areTexts,
  names: orNull(areTexts),
  also: orAbsent(areTexts),
  stopped: areTexts,
  environment: (value) => isMap(value) && areTexts(Object.values(value as Body)),
  projectName: orNull(isText),
}

/** The body of `plan` and `reconcile`. Throws a RefusedRequest (400). */
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

/** The body of `restart`. Throws a RefusedRequest (400). */
export function readRestart(body: Body): RestartRequest {
  refuseUnknown(body, ['names'])
  return readNames(body)
}

/** The body of `down`. Throws a RefusedRequest (400). */
export function readDown(body: Body): DownRequest {
  refuseUnknown(body, ['names', 'drainMs'])
  const { drainMs } = body
  const isDuration = typeof drainMs === 'number' && Number.isFinite(drainMs) && drainMs >= 0
  if (drainMs !== undefined && !isDuration) throw refuse('drainMs')
  return { ...readNames(body), ...(drainMs !== undefined && { drainMs: drainMs as number }) }
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

function refuse(key: string): RefusedRequest {
  return noGood(`${key} is not what it should be`)
}

function noGood(reason: string): RefusedRequest {
  return new RefusedRequest(400, { code: 'USAGE', summary: `The request is no good: ${reason}` })
}

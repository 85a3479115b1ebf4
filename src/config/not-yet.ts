// Keys that the language has and this version cannot honour yet: refused where they are written,
// never ignored.

import { type Reading, report, valueAt } from './reading.ts'
import { isMap, type Plain, pointer } from './tree.ts'

type Missing = Record<string, true>

const FORWARD: Missing = {
  gateway: true,
}

export function refuseNotYet(reading: Reading): void {
  const defaults = '/defaults/forwards'
  refuseIn(reading, valueAt(reading.tree.value, defaults), defaults)
  const entries = valueAt(reading.tree.value, '/forwards')
  for (const [name, value] of isMap(entries) ? Object.entries(entries) : []) {
    if (!name.startsWith('x-')) refuseIn(reading, value, `/forwards${pointer(name)}`)
  }
}

function refuseIn(reading: Reading, map: Plain | undefined, path: string): void {
  if (!isMap(map)) return
  for (const key of Object.keys(map)) {
    if (!Object.hasOwn(FORWARD, key)) continue
    const hint = 'It is part of the language, and a later version will have it'
    report(reading, path + pointer(key), { complaint: 'is not built yet', hint }, 'CONFIG_NOT_YET', 'key')
  }
}

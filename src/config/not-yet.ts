// Keys and values that the language has and this version cannot honour yet: refused where they are written,
// never ignored.

import { type Reading, report, valueAt } from './reading.ts'
import { isMap, type Plain, pointer } from './tree.ts'

type Missing = Record<string, (value: Plain) => boolean>

const always = () => true

const HOST: Missing = {
  connect: (value) => value === 'on_demand',
  disconnect_after: always,
}

const FORWARD: Missing = {
  idle_timeout: (value) => String(value) !== '0',
  healthcheck: always,
  gateway: always,
  env: always,
  env_prefix: always,
}

export function refuseNotYet(reading: Reading): void {
  for (const [section, missing] of [
    ['/defaults/hosts', HOST],
    ['/defaults/forwards', FORWARD],
  ] as const) {
    refuseIn(reading, valueAt(reading.tree.value, section), section, missing)
  }
  for (const [section, missing] of [
    ['/hosts', HOST],
    ['/forwards', FORWARD],
  ] as const) {
    const entries = valueAt(reading.tree.value, section)
    for (const [name, value] of isMap(entries) ? Object.entries(entries) : []) {
      if (!name.startsWith('x-')) refuseIn(reading, value, section + pointer(name), missing)
    }
  }
}

function refuseIn(reading: Reading, map: Plain | undefined, path: string, missing: Missing): void {
  if (!isMap(map)) return
  for (const [key, value] of Object.entries(map)) {
    if (!Object.hasOwn(missing, key) || !missing[key]!(value)) continue
    const complaint = missing[key] === always ? 'is not built yet' : `cannot have this value yet`
    const hint = 'It is part of the language, and a later version will have it'
    report(reading, path + pointer(key), { complaint, hint }, 'CONFIG_NOT_YET', 'key')
  }
}

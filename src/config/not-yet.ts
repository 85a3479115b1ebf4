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
  refuseIn(reading, '/defaults/hosts', HOST)
  refuseIn(reading, '/defaults/forwards', FORWARD)
  for (const [section, missing] of [
    ['/hosts', HOST],
    ['/forwards', FORWARD],
  ] as const) {
    const entries = valueAt(reading.tree.value, section)
    for (const name of isMap(entries) ? Object.keys(entries) : []) {
      if (!name.startsWith('x-')) refuseIn(reading, section + pointer(name), missing)
    }
  }
}

function refuseIn(reading: Reading, path: string, missing: Missing): void {
  const map = valueAt(reading.tree.value, path)
  if (!isMap(map)) return
  for (const [key, value] of Object.entries(map)) {
    if (!Object.hasOwn(missing, key) || !missing[key]!(value)) continue
    const complaint = missing[key] === always ? 'is not built yet' : `cannot have this value yet`
    const hint = 'It is part of the language, and a later version will have it'
    report(reading, path + pointer(key), { complaint, hint }, 'CONFIG_NOT_YET', 'key')
  }
}

// @ts-check
// What is measured, on which stage, and what it must come to. A measure is done by each contender in turn, in
// every round; a row of the result is one number of it.

import { NARROW_BYTES } from './scenes.mjs'
import { footprint, idleConnections, openFifty, statusTime } from './whole-runs.mjs'

/** @typedef {import('./contenders.mjs').Contender} Contender */
/** @typedef {import('./scenes.mjs').Scene} Scene */
/**
 * @typedef {object} Row
 * @property {string} title
 * @property {string} unit
 * @property {'more' | 'less'} better
 * @property {number} [atLeast] times as good as ssh
 * @property {number} [atMost] of what ssh takes
 * @property {number} [valueAtLeast] in the unit of the row
 */
/**
 * @typedef {object} Measure
 * @property {string} name
 * @property {'plain' | 'jump' | 'far' | 'narrow' | 'none'} scene
 * @property {number} [rounds] at most
 * @property {Record<string, Row>} rows
 * @property {(contender: Contender, scene: Scene, who: string) => Promise<Record<string, number>>} run
 */

const MIB = 1024 * 1024

const speed = (/** @type {string} */ title, /** @type {number} */ atLeast) => ({
  speed: /** @type {Row} */ ({ title, unit: 'MiB/s', better: 'more', atLeast }),
})
const time = (/** @type {string} */ title, atLeast = 0) =>
  /** @type {Row} */ ({ title, unit: 'ms', better: 'less', ...(atLeast && { atLeast }) })
const rate = (/** @type {string} */ title, atLeast = 0) =>
  /** @type {Row} */ ({ title, unit: '1/s', better: 'more', ...(atLeast && { atLeast }) })

/** @type {Measure[]} */
export const measures = [
  {
    name: 'down',
    scene: 'plain',
    rows: speed('bulk down', 1.4),
    run: ({ local }, { client, bulk }) => client('down', local.source, bulk),
  },
  {
    name: 'up',
    scene: 'plain',
    rows: speed('bulk up', 1.4),
    run: ({ local }, { client, bulk }) => client('up', local.sink, bulk),
  },
  {
    name: 'both',
    scene: 'plain',
    rows: speed('both ways at once', 1),
    run: ({ local }, { client, bulk }) => client('both', local.source, local.sink, bulk / 2),
  },
  {
    name: 'streams',
    scene: 'plain',
    rows: speed('8 streams down', 1.4),
    run: ({ local }, { client, bulk }) => client('down', local.source, bulk, 8),
  },
  {
    name: 'connect',
    scene: 'plain',
    rows: { p50: time('new connection, p50', 1), p99: time('new connection, p99') },
    run: ({ local }, { client }) => client('connects', local.echo, 300, 1),
  },
  ...[1, 50, 500].map((parallel) => ({
    name: `connects-${parallel}`,
    scene: /** @type {const} */ ('plain'),
    rows: { rate: rate(`connections a second, ${parallel} at a time`, parallel === 50 ? 1 : 0) },
    run: (/** @type {Contender} */ { local }, /** @type {Scene} */ { client }) =>
      client('connects', local.echo, parallel === 1 ? 300 : 1_000, parallel),
  })),
  {
    name: 'rtt',
    scene: 'plain',
    rows: { p50: time('round trip of 1 byte, p50', 1), p99: time('round trip of 1 byte, p99') },
    run: ({ local }, { client }) => client('roundTrips', local.echo, 2_000),
  },
  {
    name: 'rtt-beside',
    scene: 'plain',
    rows: {
      p50: time('the same beside a bulk stream, p50'),
      p99: time('the same beside a bulk stream, p99'),
    },
    run: ({ local }, scene) => beside(local, scene, 1_000),
  },
  {
    name: 'socks-connect',
    scene: 'plain',
    rows: { p50: time('SOCKS: new connection, p50', 1) },
    run: ({ socks }, { client }) => client('connects', socks.echo, 300, 1),
  },
  {
    name: 'socks-down',
    scene: 'plain',
    rows: speed('SOCKS: bulk down', 1.4),
    run: ({ socks }, { client, bulk }) => client('down', socks.source, bulk),
  },
  {
    name: 'remote-down',
    scene: 'plain',
    rows: speed('remote (-R): bulk', 1),
    run: ({ remote }, { client, bulk }) => client('down', remote.source, bulk),
  },
  {
    name: 'remote-connect',
    scene: 'plain',
    rows: { p50: time('remote (-R): new connection, p50', 1) },
    run: ({ remote }, { client }) => client('connects', remote.echo, 300, 1),
  },
  {
    name: 'cpu',
    scene: 'plain',
    rows: {
      cpu: { title: 'processor time for 1 GiB down', unit: 's', better: 'less' },
      memory: { title: 'memory after that', unit: 'MiB', better: 'less' },
    },
    run: processorTime,
  },
  {
    name: 'jump-down',
    scene: 'jump',
    rows: speed('through a jump host: bulk down', 1),
    run: ({ local }, { client, bulk }) => client('down', local.source, bulk / 2),
  },
  {
    name: 'jump-connect',
    scene: 'jump',
    rows: { p50: time('through a jump host: new connection, p50', 1) },
    run: ({ local }, { client }) => client('connects', local.echo, 300, 1),
  },
  {
    name: 'far-down',
    scene: 'far',
    rows: speed('100 ms round trip: bulk down', 5),
    run: ({ local }, scene) => steady(local, scene, 4_000),
  },
  {
    name: 'narrow',
    scene: 'narrow',
    rows: {
      ...speed('100 ms and 200 Mbit/s: bulk down', 0),
      share: { title: 'of that line', unit: '%', better: 'more', valueAtLeast: 95 },
      p50: time('1 byte beside it, p50', 1),
    },
    run: async ({ local }, scene) => {
      const { speed, ...trips } = await steady(local, scene, 4_000, true)
      return { ...trips, speed, share: (100 * speed * MIB) / NARROW_BYTES }
    },
  },
  idleConnections,
  footprint,
  statusTime,
  openFifty,
]

/** How a download goes once it has had time to find its pace; with `ping` also what a byte beside it has to wait. */
async function steady(
  /** @type {Contender['local']} */ local,
  /** @type {Scene} */ scene,
  /** @type {number} */ ms,
  ping = false,
) {
  await scene.client('flood', local.source)
  try {
    await scene.client('speedOf', 5_000)
    const [{ speed }, trips] = await Promise.all([
      scene.client('speedOf', ms),
      ping ? scene.other('roundTrips', local.echo, 30, ms) : {},
    ])
    return { ...trips, speed: Number(speed) }
  } finally {
    await scene.client('drop')
  }
}

async function beside(
  /** @type {Contender['local']} */ local,
  /** @type {Scene} */ scene,
  /** @type {number} */ times,
) {
  await scene.client('flood', local.source)
  try {
    return await scene.other('roundTrips', local.echo, times, 2_000)
  } finally {
    await scene.client('drop')
  }
}

async function processorTime(
  /** @type {Contender} */ { pid, local },
  /** @type {Scene} */ { client, bulk, cpuMs, memory },
) {
  if (pid === null) return {}
  const before = cpuMs(pid)
  await client('down', local.source, bulk)
  const gib = bulk / (1024 * MIB)
  return { cpu: (cpuMs(pid) - before) / 1000 / gib, memory: memory(pid) / MIB }
}

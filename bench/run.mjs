// @ts-check
// The same work through `ssh` and through `tunnels up`, in turns, through one sshd on this machine. Prints a
// Markdown table; numbers of different machines, or of different runs, do not compare.
//
//   npm run bench -- [--quick] [--only NAME[,NAME…]] [--write]     BENCH_ROUNDS=7 BENCH_MIB=256

import { parseArgs } from 'node:util'
import { measures } from './measures.mjs'
import { leavePacedNetwork } from './own-network.mjs'
import { describeMachine, formatTable, median, writePage } from './report.mjs'
import { contendersOf } from './scenes.mjs'
import { startSshd } from './sshd.mjs'
import { cpuMs, memory, openStage } from './stage.mjs'

/** @typedef {import('./measures.mjs').Measure} Measure */
/** @typedef {import('./scenes.mjs').Scene} Scene */
/** @typedef {import('./contenders.mjs').Contender} Contender */
/** @typedef {{ measure: Measure, seen: Record<string, Record<string, number>[]> }} Result */

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, only: { type: 'string' }, write: { type: 'boolean' } },
})
leavePacedNetwork()
const rounds = Number(process.env.BENCH_ROUNDS ?? (options.quick ? 3 : 7))
const mib = Number(process.env.BENCH_MIB ?? (options.quick ? 128 : 256))
const machine = describeMachine({ rounds, mib })

const stage = openStage()
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => stage.close().then(() => process.exit(130)))
try {
  const results = await runAll(await openScene(), chosen(options.only))
  process.stdout.write(`${formatTable(results)}\n\n${machine()}\n`)
  if (options.write) writePage(results, machine())
} finally {
  await stage.close()
}

/** @param {string | undefined} only */
function chosen(only) {
  if (only === undefined) return measures
  const names = only.split(',')
  const unknown = names.filter((name) => !measures.some((measure) => measure.name === name))
  if (unknown.length > 0)
    throw new Error(
      `No measure ${unknown.join(', ')}. There are: ${measures.map(({ name }) => name).join(' ')}`,
    )
  return measures.filter(({ name }) => names.includes(name))
}

/** @returns {Promise<Scene>} */
async function openScene() {
  const sshd = await startSshd(stage.folder)
  stage.stops.push(sshd.stop)
  const { said: far } = await stage.forked('./far.mjs')
  const [client, other] = [await stage.client(), await stage.client()]
  return { stage, sshd, far, client, other, bulk: mib * 1024 * 1024, cpuMs, memory }
}

/**
 * @param {Scene} scene
 * @param {Measure[]} wanted
 */
async function runAll(scene, wanted) {
  /** @type {Result[]} */
  const results = []
  for (const name of new Set(wanted.map((measure) => measure.scene))) {
    const contenders = (await contendersOf[name]?.(scene)) ?? {}
    for (const { local } of Object.values(contenders))
      await scene.client('untilAllAnswer', [local.echo.port], 20_000)
    for (const measure of wanted.filter((each) => each.scene === name))
      await take(measure, contenders, scene).then(
        (result) => results.push(result),
        (error) => {
          process.stderr.write(`${measure.name}: failed: ${error.message}\n`)
          process.exitCode = 1
        },
      )
    for (const { stop } of Object.values(contenders)) await stop()
  }
  return results
}

/**
 * Each round measures all of them, who goes first changing; one round before is not counted.
 * @param {Measure} measure
 * @param {Record<string, Contender>} contenders
 * @param {Scene} scene
 * @returns {Promise<Result>}
 */
async function take(measure, contenders, scene) {
  const names = measure.scene === 'none' ? ['ssh', 'tunnels'] : Object.keys(contenders)
  /** @type {Result['seen']} */
  const seen = Object.fromEntries(names.map((name) => [name, []]))
  const count = Math.min(rounds, measure.rounds ?? rounds)
  for (let round = -1; round < count; round++) {
    const order = round % 2 ? [...names].reverse() : names
    for (const name of order) {
      const value = await measure.run(/** @type {Contender} */ (contenders[name]), scene, name)
      if (round >= 0) seen[name]?.push(value)
    }
  }
  const row = Object.keys(measure.rows)[0] ?? ''
  const values = names.map(
    (name) => `${name} ${median(seen[name]?.map((value) => value[row]) ?? []).toPrecision(3)}`,
  )
  process.stderr.write(`${measure.name}: ${values.join(', ')}\n`)
  return { measure, seen }
}

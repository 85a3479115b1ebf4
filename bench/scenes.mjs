// @ts-check
// The stages that measures share: which contenders there are, and what lies between them and the sshd.

import { loopback, startSsh, startTunnels } from './contenders.mjs'
import { cpuMs, memory } from './stage.mjs'

/** @typedef {import('./contenders.mjs').Contender} Contender */
/** @typedef {import('./contenders.mjs').Sshd} Sshd */
/** @typedef {import('./contenders.mjs').Far} Far */
/** @typedef {import('./stage.mjs').Stage} Stage */
/** @typedef {import('./stage.mjs').Client} Client */
/**
 * @typedef {object} Scene
 * @property {Stage} stage
 * @property {Sshd} sshd
 * @property {Far} far
 * @property {Client} client
 * @property {Client} other for what goes on beside the first one's work
 * @property {number} bulk bytes
 * @property {typeof cpuMs} cpuMs
 * @property {typeof memory} memory
 */

/** A second: 200 Mbit. */
export const NARROW_BYTES = 25_000_000

/** @type {Record<string, (scene: Omit<Scene, 'cpuMs' | 'memory'>) => Promise<Record<string, Contender>>>} */
export const contendersOf = {
  plain: async ({ stage, sshd, far }) => ({
    loopback: loopback(far),
    ssh: await startSsh(stage, sshd, far),
    'ssh, AES-GCM': await startSsh(stage, sshd, far, { options: ['-c', 'aes128-gcm@openssh.com'] }),
    tunnels: await startTunnels(stage, sshd, far),
  }),
  jump: async ({ stage, sshd, far }) => ({
    ssh: await startSsh(stage, sshd, far, { jump: true }),
    tunnels: await startTunnels(stage, sshd, far, { jump: true }),
  }),
  far: (scene) => behind(scene, { delayMs: 50 }),
  narrow: (scene) => behind(scene, { delayMs: 50, bytesPerSecond: NARROW_BYTES, queueBytes: 1_000_000 }),
  none: async () => ({}),
}

/**
 * @param {Omit<Scene, 'cpuMs' | 'memory'>} scene
 * @param {{ delayMs: number, bytesPerSecond?: number, queueBytes?: number }} way delay of each direction
 */
async function behind({ stage, sshd, far }, way) {
  const relay = await stage.forked('./relay.mjs', [JSON.stringify({ to: sshd.port, ...way })])
  const port = Number(relay.said)
  const ssh = await startSsh(stage, sshd, far, { port })
  const tunnels = await startTunnels(stage, sshd, far, { port })
  const stop = async () => {
    await tunnels.stop()
    relay.child.kill()
  }
  return { ssh, tunnels: { ...tunnels, stop } }
}

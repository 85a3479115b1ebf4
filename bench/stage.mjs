// @ts-check
// What a bench stands on: a folder, processes that end with it, and how much time and memory they take.

import { fork, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** @typedef {ReturnType<typeof openStage>} Stage */
/** @typedef {Awaited<ReturnType<Stage['client']>>} Client */

/** Longer than any piece of work; what hangs is an error. */
const LIMIT_MS = 120_000

export function openStage() {
  const folder = mkdtempSync(join(tmpdir(), 'tunnels-bench-'))
  /** @type {(() => unknown)[]} */
  const stops = [() => rmSync(folder, { recursive: true, force: true })]

  /**
   * Ended, and waited for, with the stage or by `stop`.
   * @param {string} command
   * @param {string[]} args
   * @param {Record<string, string>} [env]
   */
  const start = (command, args, env) => {
    const stdio = /** @type {const} */ ([
      'ignore',
      'ignore',
      process.env.BENCH_VERBOSE ? 'inherit' : 'ignore',
    ])
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: [...stdio] })
    const ended = new Promise((resolve) => child.once('close', resolve).once('error', resolve))
    const stop = async () => {
      child.kill()
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await ended
      clearTimeout(timer)
    }
    stops.push(stop)
    return { pid: Number(child.pid), stop, ended }
  }

  /**
   * One of the bench's own programs, and the first thing that it says.
   * @param {string} file
   * @param {string[]} [args]
   */
  const forked = async (file, args = []) => {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv: [] })
    stops.push(() => child.kill())
    const said = await new Promise((resolve, reject) => {
      child.once('message', resolve).once('exit', () => reject(new Error(`${file} ended at once`)))
    })
    return { child, said }
  }

  const client = async () => {
    const { child } = await forked('./client.mjs')
    let lastId = 0
    /**
     * Has the client do something; see client.mjs.
     * @param {string} name
     * @param {...any} args
     * @returns {Promise<Record<string, number>>}
     */
    return (name, ...args) => {
      const id = ++lastId
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${name} takes more than ${LIMIT_MS / 1000} s`)),
          LIMIT_MS,
        )
        const onMessage = (/** @type {any} */ message) => {
          if (message.id !== id) return
          clearTimeout(timer)
          child.off('message', onMessage)
          if (message.error) reject(new Error(message.error))
          else resolve(message.value)
        }
        child.on('message', onMessage)
        child.send({ id, name, args })
      })
    }
  }

  const close = async () => {
    for (const stop of stops.reverse()) await stop()
  }
  return { folder, stops, start, forked, client, close }
}

/** Processor time in ms since the process began (proc(5): in ticks of 10 ms). */
export function cpuMs(/** @type {number} */ pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Bytes of memory that are a process's own share (proc(5), Pss): what several have in common is counted once. */
export function memory(/** @type {number} */ pid) {
  const [, kib] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? []
  return Number(kib) * 1024
}

/** Bytes in memory, also what others have as well (proc(5), VmRSS). */
export function residentBytes(/** @type {number} */ pid) {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) * 1024
}

/** A process and what it started. */
export function withChildren(/** @type {number} */ pid) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const children = all.filter((name) => parentOf(name) === pid).map(Number)
  return [pid, ...children]
}

function parentOf(/** @type {string} */ pid) {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')[1],
    )
  } catch {
    return 0
  }
}

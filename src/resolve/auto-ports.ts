// Free ports for `local: auto`, remembered for the project, so that a forward keeps its port. Owns the file
// in the state folder that holds them.

import { randomUUID } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { readBounded } from '../files/bounded-read.ts'
import { makeFolder } from '../files/make-folder.ts'
import { ProblemError } from '../model/problem.ts'
import { unwritableState } from '../model/state-folder.ts'

/** A name and a number for each of more forwards than a file can hold. */
const MAX_BYTES = 4 * 1024 * 1024

export interface AutoForward {
  name: string
  /** Addresses of this machine: the port has to be free on each. */
  hosts: readonly string[]
  /** Ports that it has already; `all`: nobody here can tell. Those are not tried. */
  kept: ReadonlySet<number> | 'all'
}

export interface AutoPorts {
  ports: ReadonlyMap<string, number>
  /** Those whose remembered port somebody else has. */
  moved: { name: string; from: number; to: number }[]
}

/**
 * Ports for these forwards: the remembered ones that are free, else others, which are then remembered in `file`. Rejects
 * with a ProblemError (STATE_UNWRITABLE) when they cannot be: each look at the file would then choose others.
 */
export async function chooseAutoPorts(file: string, forwards: readonly AutoForward[]): Promise<AutoPorts> {
  if (forwards.length === 0) return { ports: new Map(), moved: [] }
  const ports = new Map(Object.entries(await readPorts(file)))
  const moved: AutoPorts['moved'] = []
  let isChanged = false
  for (const { name, hosts, kept } of forwards) {
    const from = ports.get(name)
    if (from !== undefined && (kept === 'all' || kept.has(from) || (await isFree(hosts, from)))) continue
    const to = await freePort(hosts, new Set(ports.values()))
    ports.set(name, to)
    isChanged = true
    if (from !== undefined) moved.push({ name, from, to })
  }
  if (isChanged) await writePorts(file, ports)
  return { ports: new Map(forwards.map(({ name }) => [name, ports.get(name)!])), moved }
}

/** Unreadable or damaged counts as empty: the ports are then chosen anew. */
async function readPorts(file: string): Promise<Record<string, number>> {
  const read = await readBounded(file, MAX_BYTES)
  if (read.kind !== 'read') return {}
  try {
    const value: unknown = JSON.parse(read.bytes.toString('utf8'))
    if (typeof value !== 'object' || value === null) return {}
    return Object.fromEntries(Object.entries(value).filter(([, port]) => isPort(port)))
  } catch {
    return {}
  }
}

async function writePorts(file: string, ports: ReadonlyMap<string, number>): Promise<void> {
  const fresh = `${file}.${randomUUID()}`
  const text = `${JSON.stringify(Object.fromEntries(ports), null, 2)}\n`
  try {
    await makeFolder(dirname(file))
    await writeFile(fresh, text, { mode: 0o600 })
    await rename(fresh, file)
  } catch (error) {
    throw new ProblemError(unwritableState('Ports of `auto` cannot be remembered', file, error))
  }
}

/** One that the system hands out, and that is free on each of the addresses. */
async function freePort(hosts: readonly string[], taken: ReadonlySet<number>): Promise<number> {
  const [first = '127.0.0.1', ...others] = hosts
  for (let attempt = 0; ; attempt++) {
    const port = await portOf(first, 0)
    // An address that this machine has not is for the listener to complain of.
    const isLast = attempt === MOST_ATTEMPTS
    if (port === null || isLast) return (await portOf('127.0.0.1', 0))!
    if (!taken.has(port) && (await isFree(others, port))) return port
  }
}

const MOST_ATTEMPTS = 100

/** Anything but another holder is for the listener to complain of. */
async function isFree(hosts: readonly string[], port: number): Promise<boolean> {
  for (const host of hosts) if ((await portOf(host, port)) === null) return false
  return true
}

/** The port that it can listen on: `port`, or for 0 one that the system chooses. Null where somebody else has it. */
function portOf(host: string, port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code === 'EADDRINUSE' || port === 0 ? null : port),
    )
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port))
    })
  })
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536
}

// Free ports for `local: auto`, remembered for the project, so that a forward keeps its port. Owns the file
// in the state folder that holds them.

import { randomUUID } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { readBounded } from '../files/bounded-read.ts'
import { ProblemError } from '../model/problem.ts'
import { unwritableState } from '../model/state-folder.ts'

/** A name and a number for each of more forwards than a file can hold. */
const MAX_BYTES = 4 * 1024 * 1024

export type AutoPorts = ReadonlyMap<string, number>

/**
 * Ports for these forwards: the remembered ones, else free ones, which are then remembered in `file`. Rejects with
 * a ProblemError (STATE_UNWRITABLE) when they cannot be: each look at the file would then choose others.
 */
export async function chooseAutoPorts(file: string, forwards: readonly string[]): Promise<AutoPorts> {
  if (forwards.length === 0) return new Map()
  const remembered = await readPorts(file)
  const ports = new Map(Object.entries(remembered))
  const missing = forwards.filter((name) => !ports.has(name))
  for (const name of missing) ports.set(name, await freePort(new Set(ports.values())))
  if (missing.length > 0) await writePorts(file, ports)
  return new Map(forwards.map((name) => [name, ports.get(name)!]))
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
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(fresh, text, { mode: 0o600 })
    await rename(fresh, file)
  } catch (error) {
    throw new ProblemError(unwritableState('Ports of `auto` cannot be remembered', file, error))
  }
}

async function freePort(taken: ReadonlySet<number>): Promise<number> {
  for (;;) {
    const port = await new Promise<number>((resolve, reject) => {
      const server = createServer().once('error', reject)
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
      })
    })
    if (!taken.has(port)) return port
  }
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536
}

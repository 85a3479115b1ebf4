// A real PostgreSQL of a test's own: its folder and its port, on loopback, as an ordinary child that ends with the test.
// It refuses to run as root, so that root gives it to `nobody`. Debian's package `postgresql` (scripts/test-tools.mjs).

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atEnd } from './cleanup.ts'
import { eventually } from './eventually.ts'

export interface Postgres {
  readonly port: number
}

const NOBODY = 65_534

/** Resolves when it takes connections of the user `postgres`, whom it asks no password. `port`: a free one of 127.0.0.1. */
export async function startPostgres(port: number): Promise<Postgres> {
  const programs = findPrograms()
  // The other folders of tests are the owner's alone.
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'tunnels-pg-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  const isRoot = process.getuid?.() === 0
  if (isRoot) chownSync(folder, NOBODY, NOBODY)
  const asWhom = isRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : []
  const options = { cwd: folder, env: { ...process.env, HOME: folder, LANG: 'C' } }
  const data = join(folder, 'data')
  const make = [
    join(programs, 'initdb'),
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--no-sync',
  ]
  const [first, ...rest] = [...asWhom, ...make] as [string, ...string[]]
  execFileSync(first, rest, { ...options, stdio: ['ignore', 'ignore', 'inherit'] })
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    'fsync=off',
    'max_connections=20',
  ]
  const serve = [join(programs, 'postgres'), '-D', data, ...settings.flatMap((each) => ['-c', each])]
  const [program, ...words] = [...asWhom, ...serve] as [string, ...string[]]
  const child = spawn(program, words, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  atEnd(() => stop(child))
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`postgres did not start:\n${log}`)
    return log.includes('ready to accept connections')
  })
  return { port }
}

/** Immediate shutdown: whoever is connected is cut off. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGQUIT')
  await ended
}

/** Debian keeps them off PATH, a folder for each version. */
function findPrograms(): string {
  const versions = '/usr/lib/postgresql'
  const folders = [
    ...(existsSync(versions)
      ? readdirSync(versions)
          .sort((a, b) => Number(b) - Number(a))
          .map((version) => join(versions, version, 'bin'))
      : []),
    ...(process.env.PATH ?? '').split(':').filter((folder) => folder !== ''),
  ]
  const found = folders.find((folder) => existsSync(join(folder, 'initdb')))
  if (!found)
    throw new Error("There is no PostgreSQL on this machine: install Debian's package `postgresql`.")
  return found
}

// Around a whole run: one folder for everything that its tests write, and afterwards a look at what is left.
// A process, a socket or a folder that outlives its test fails the run.

import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KEPT } from './folder.ts'
import { processesWith } from './processes.ts'

export default function setup(): () => Promise<void> {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'tt-'))
  process.env.TUNNELS_TEST_RUN = folder
  return () => tearDown(folder)
}

async function tearDown(folder: string): Promise<void> {
  const processes = await processesLeft(folder)
  for (const { pid } of processes) process.kill(pid, 'SIGKILL')
  const folders = readdirSync(folder).filter((name) => !existsSync(join(folder, name, KEPT)))
  for (const name of folders) rmSync(join(folder, name), { recursive: true, force: true })
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true })
  const left = [
    ...processes.map(({ pid, command }) => `process ${pid}: ${command}`),
    ...folders.map((name) => `folder ${name}`),
  ]
  if (left.length === 0) return
  process.exitCode = 1
  throw new Error(
    `Left behind by tests (stop it in the test, or register it with atEnd):\n${left.join('\n')}`,
  )
}

/** Workers and children that are just ending get a moment; what stays carries the run's folder in its environment. */
async function processesLeft(folder: string): Promise<{ pid: number; command: string }[]> {
  const look = () => processesWith(folder).filter(({ command }) => !/vitest|esbuild/.test(command))
  for (let round = 0; round < 100 && look().length > 0; round++) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return look()
}

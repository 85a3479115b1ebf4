// A temporary folder of a test's own, removed after it; one whose test failed stays to be looked at.

import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { atEnd } from './cleanup.ts'

export interface TestFolder {
  /** Absolute and real; short enough for Unix sockets inside it. */
  readonly path: string
  join(...names: string[]): string
  /** Writes a file, making its folders; returns its path. */
  write(name: string, content: string, mode?: number): string
  stop(): void
}

/** Marks a folder that a failed test left on purpose, for test/helpers/global.ts. */
export const KEPT = '.kept-because-its-test-failed'

export function testFolder(): TestFolder {
  const root = process.env.TUNNELS_TEST_RUN ?? realpathSync(tmpdir())
  const path = mkdtempSync(join(root, 't-'))
  const stop = () => rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  atEnd(({ failed }) => (failed ? keep(path) : stop()))
  return { path, join: (...names) => join(path, ...names), write: (...file) => write(path, ...file), stop }
}

function write(folder: string, name: string, content: string, mode = 0o600): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content, { mode })
  return path
}

function keep(path: string): void {
  writeFileSync(join(path, KEPT), '')
  process.stderr.write(`kept to be looked at: ${path}\n`)
}

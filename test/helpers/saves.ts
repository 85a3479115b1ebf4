// The ways in which programs save a file: editors, deployment tools, Kubernetes, people. Each leaves `content` at
// `file` in the end; what stands there in between is its own affair.

import {
  appendFileSync,
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

export interface Save {
  /** Before the file is followed: makes it what this way needs it to be. */
  prepare?(file: string): void
  save(file: string, content: string): void | Promise<void>
}

/** A slow writer's rest between two goes. It is what the writer does, not what a test waits for. */
const REST_MS = 60

export const saves: Readonly<Record<string, Save>> = {
  'written in place': { save: (file, content) => writeFileSync(file, content) },
  'written beside and renamed over it': {
    save: (file, content) => {
      writeFileSync(`${file}.new`, content)
      renameSync(`${file}.new`, file)
    },
  },
  'moved away as a backup, then renamed into place': {
    save: (file, content) => {
      writeFileSync(`${file}.new`, content)
      renameSync(file, `${file}~`)
      renameSync(`${file}.new`, file)
    },
  },
  'truncated, then written': {
    save: async (file, content) => {
      truncateSync(file, 0)
      await pause(REST_MS)
      writeFileSync(file, content)
    },
  },
  'written in two slow goes': {
    save: async (file, content) => {
      const half = Math.floor(content.length / 2)
      const handle = openSync(file, 'w')
      writeSync(handle, content.slice(0, half))
      await pause(REST_MS * 5)
      writeSync(handle, content.slice(half))
      closeSync(handle)
    },
  },
  'written in slow goes of whole lines': {
    save: async (file, content) => {
      const half = content.lastIndexOf('\n', content.length / 2) + 1
      const handle = openSync(file, 'w')
      writeSync(handle, content.slice(0, half))
      await pause(REST_MS * 5)
      writeSync(handle, content.slice(half))
      closeSync(handle)
    },
  },
  'swapped as a symbolic link': {
    prepare: (file) => {
      renameSync(file, `${file}.1`)
      symlinkSync(`${basename(file)}.1`, file)
    },
    save: (file, content) => {
      const version = `${basename(file)}.${process.hrtime.bigint()}`
      writeFileSync(join(dirname(file), version), content)
      symlinkSync(version, `${file}.link`)
      renameSync(`${file}.link`, file)
    },
  },
  'swapped behind ..data, as a mounted ConfigMap is': {
    prepare: (file) => {
      const folder = dirname(file)
      mkdirSync(join(folder, '..0'))
      renameSync(file, join(folder, '..0', basename(file)))
      symlinkSync('..0', join(folder, '..data'))
      symlinkSync(join('..data', basename(file)), file)
    },
    save: (file, content) => {
      const folder = dirname(file)
      const old = realpathSync(join(folder, '..data'))
      const version = `..${process.hrtime.bigint()}`
      mkdirSync(join(folder, version))
      writeFileSync(join(folder, version, basename(file)), content)
      symlinkSync(version, join(folder, '..data_tmp'))
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
      rmSync(old, { recursive: true })
    },
  },
  'deleted and made again': {
    save: async (file, content) => {
      unlinkSync(file)
      await pause(REST_MS)
      writeFileSync(file, content)
    },
  },
  'written, then touched': {
    save: async (file, content) => {
      writeFileSync(file, content)
      await pause(REST_MS)
      utimesSync(file, new Date(), new Date())
    },
  },
  'taken away by its mode, then given back': {
    save: async (file, content) => {
      chmodSync(file, 0o000)
      writeFileSync(`${file}.new`, content, { mode: 0o600 })
      await pause(REST_MS)
      renameSync(`${file}.new`, file)
      chmodSync(file, 0o644)
    },
  },
  'saved by an editor with a swap file': {
    save: async (file, content) => {
      const swap = join(dirname(file), `.${basename(file)}.swp`)
      writeFileSync(swap, 'b0VIM 9.0')
      // vim tries first whether it may make a file here.
      writeFileSync(join(dirname(file), '4913'), '')
      unlinkSync(join(dirname(file), '4913'))
      renameSync(file, `${file}~`)
      const handle = openSync(file, 'w', 0o644)
      writeSync(handle, content)
      fsyncSync(handle)
      closeSync(handle)
      appendFileSync(swap, 'more of it')
      await pause(REST_MS)
      rmSync(`${file}~`)
      rmSync(swap)
    },
  },
}

/** What whoever looks would read. */
export function contentOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

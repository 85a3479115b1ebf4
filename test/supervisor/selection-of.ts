// A selection of everything in some files, and of what a test is about.

import type { Selection } from '../../src/control/protocol.ts'

export function selectionOf(files: string[], more: Partial<Selection> = {}): Selection {
  const all = { profiles: [], names: null, stopped: [] }
  return { files, envFile: null, ...all, environment: {}, projectName: null, ...more }
}

// A supervisor's Control in which nothing happens, and a place for its socket: tests say on top of it what they are about.

import { identifyProject, placeProject } from '../../src/control/paths.ts'
import type { Control } from '../../src/control/protocol.ts'
import type { Status } from '../../src/model/status.ts'
import { testFolder } from '../helpers/folder.ts'

export const status: Status = {
  project: 'shop',
  files: ['/shop/tunnels.yaml'],
  config: { state: 'current', generation: 1, loadedAt: null, problems: [] },
  supervisor: { pid: process.pid, startedAt: '2026-01-01T00:00:00.000Z', version: '1.2.3', watching: true },
  hosts: [],
  forwards: [],
}

export const plan = { project: 'shop', changes: [], summary: { open: 0, update: 0, reopen: 0, close: 0 } }

export const quietControl: Control = {
  status: () => status,
  addresses: () => ({ forwards: [] }),
  plan: async () => plan,
  trust: async () => ({ waiting: [] }),
  reconcile: async () => ({ plan, problems: [] }),
  lease: async () => ({ plan, problems: [], forwards: [] }),
  restart: async () => ({ plan, problems: [] }),
  down: async () => {},
  probe: async () => ({ forwards: [] }),
  attend: () => () => {},
  answer: async () => {},
  watchEvents: () => () => {},
  readLog: async () => {},
}

export async function newProject() {
  const folder = testFolder()
  const env = { TUNNELS_RUNTIME_DIR: folder.join('run'), TUNNELS_STATE_DIR: folder.join('state') }
  const identity = await identifyProject(folder.join('tunnels.yaml'), {
    cwd: folder.path,
    projectName: null,
  })
  return { env, place: placeProject(identity, env), version: '1.2.3' }
}

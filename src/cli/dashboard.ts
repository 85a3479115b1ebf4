// `tunnels dashboard`: shows one project as a page, until Ctrl-C. Prints its address; who opens it is the person's business.

import { basename, dirname, join } from 'node:path'
import { openDashboard } from '../dashboard/dashboard.ts'
import { readPageParts } from '../dashboard/page.ts'
import { formatJson } from '../view/json.ts'
import type { Invocation } from './invocation.ts'
import { findPlace, findRunning, notRunning } from './project.ts'
import { listenForSignals, signalExitCodes } from './signals.ts'

export async function dashboard(invocation: Invocation): Promise<number> {
  const { options, terminal, mainPath } = invocation
  const project = await whichProject(invocation)
  const parts = await readPageParts(join(dirname(mainPath), 'dashboard'))
  const signals = listenForSignals(() => {})
  // What is to be said of the one that runs has been said.
  const silent = { ...invocation, terminal: { ...terminal, note: () => {}, explain: () => {} } }
  const open = await openDashboard({ find: () => findRunning(silent), project, parts })
  try {
    terminal.print(options.json ? `${formatJson({ url: open.url })}\n` : `${open.url}\n`)
    terminal.note(
      `Open this in a browser of this machine: whoever has it sees and steers ${project}. Ctrl-C ends it`,
    )
    return signalExitCodes[await signals.first]
  } finally {
    signals.stop()
    await open.close()
  }
}

/** What to call it. It is known by its file, or because it runs; rejects with NOT_RUNNING where it is neither. */
async function whichProject(invocation: Invocation): Promise<string> {
  const running = await findRunning(invocation)
  if (running) return (await running.status()).project
  const place = await findPlace(invocation)
  if (!place) throw await notRunning(invocation, 'A dashboard is of a file, or of what runs')
  return place.projectName ?? basename(place.folder)
}

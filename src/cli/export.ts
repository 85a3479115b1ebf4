// `tunnels export FORMAT`: the same tunnels in the words of another program, on stdout. A format is one file of
// src/export; opens nothing and runs nothing.

import type { LoadResult } from '../config/load.ts'
import type { Deployment } from '../export/deployment.ts'
import { ProblemError } from '../model/problem.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { loadSelection } from './selection.ts'

type Format = (deployment: Deployment) => string

/** Each is loaded only when it is the one that was asked for. */
const formats: Readonly<Record<string, () => Promise<Format>>> = {
  systemd: async () => (await import('../export/systemd.ts')).formatSystemd,
  launchd: async () => (await import('../export/launchd.ts')).formatLaunchd,
  compose: async () => (await import('../export/compose.ts')).formatCompose,
  kubernetes: async () => (await import('../export/kubernetes.ts')).formatKubernetes,
}

export async function exportTo(invocation: Invocation, name: string): Promise<number> {
  const load = Object.hasOwn(formats, name) ? formats[name] : undefined
  if (!load) throw unknownFormat(name)
  const loaded = await loadSelection(invocation, null)
  if (!loaded) return EXIT.usage
  const { project, selection, sources } = loaded
  const files = selection.files.map((path) => ({ path, text: textOf(path, sources) }))
  const command = [process.execPath, invocation.mainPath]
  const format = await load()
  invocation.terminal.print(format({ project, files, command, version: invocation.version }))
  return EXIT.fine
}

function textOf(path: string, sources: LoadResult['sources']): string {
  if (path !== '-') return sources.get(path)!
  throw new ProblemError({
    code: 'USAGE',
    summary: 'What is exported names its files, and standard input is none',
    hint: 'Say which with -f FILE',
  })
}

function unknownFormat(name: string): ProblemError {
  const summary = `There is no export to ${name}`
  return new ProblemError({ code: 'USAGE', summary, hint: `There are ${Object.keys(formats).join(', ')}` })
}

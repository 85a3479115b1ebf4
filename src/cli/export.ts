// `tunnels export FORMAT`: the same tunnels in the words of another program, on stdout. A format is one file of
// src/export; opens nothing and runs nothing.

import { once } from 'node:events'
import { fstatSync } from 'node:fs'
import type { LoadResult } from '../config/load.ts'
import type { Deployment } from '../export/deployment.ts'
import { FORMATS } from '../export/formats.ts'
import { ProblemError } from '../model/problem.ts'
import { selectForwards } from '../resolve/select.ts'
import { formatJson } from '../view/json.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { type LoadedSelection, loadSelection } from './selection.ts'

export async function exportTo(invocation: Invocation, name: string): Promise<number> {
  const load = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined
  if (!load) throw unknownFormat(name)
  // A command line says what the file says; the others start it by its name.
  const namesFiles = name !== 'ssh'
  const asked = namesFiles ? invocation : await fromPipe(invocation)
  const loaded = await loadSelection(asked, null)
  if (!loaded) return EXIT.usage
  const { project, selection, sources } = loaded
  const files = namesFiles ? selection.files.map((path) => ({ path, text: textOf(path, sources) })) : []
  const { selected } = selectForwards(project, selection)
  // Without the dashes node takes an --env-file of ours for one of its own.
  const command = [process.execPath, '--', invocation.mainPath]
  const { projectName, profiles, envFile } = selection
  const options = { projectName, profiles, envFile }
  const { version } = invocation
  const ofEnvFile = variablesOfEnvFile(loaded)
  const deployment = { project, selected, files, command, options, ofEnvFile, version }
  const isJson = invocation.options.json && name === 'ssh'
  invocation.terminal.print(isJson ? await formatCommands(deployment) : (await load())(deployment))
  return EXIT.fine
}

function variablesOfEnvFile({ project, read: { environment, written } }: LoadedSelection): Set<string> {
  const isOfFile = (name: string) =>
    environment[name] !== undefined && written.sourceOf(name) !== 'environment'
  return new Set(project.variables.filter(isOfFile))
}

/** For a program that starts ssh itself, and needs no shell for it. */
async function formatCommands(deployment: Deployment): Promise<string> {
  const { sshCommands } = await import('../export/ssh.ts')
  return `${formatJson({ commands: sshCommands(deployment) }, 2)}\n`
}

/** `tunnels import … | tunnels export ssh`: what comes through a pipe is the file, where none is named. */
async function fromPipe(invocation: Invocation): Promise<Invocation> {
  const { options, env, terminal } = invocation
  const tellThatItWaits = () => terminal.note('Waiting for a file through the pipe; -f FILE names one')
  const isPipe = options.files.length === 0 && !env.TUNNELS_FILE && fstatSync(0).isFIFO()
  if (!isPipe || !(await hasData(process.stdin, tellThatItWaits))) return invocation
  return { ...invocation, options: { ...options, files: ['-'] } }
}

const PATIENCE_MS = 1000

/** Waits for the first of it, or for its end; takes nothing of it. */
async function hasData(stream: NodeJS.ReadStream, tellThatItWaits: () => void): Promise<boolean> {
  const slow = setTimeout(tellThatItWaits, PATIENCE_MS)
  await once(stream, 'readable')
  clearTimeout(slow)
  const chunk = stream.read()
  if (chunk !== null) stream.unshift(chunk)
  return chunk !== null
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
  return new ProblemError({ code: 'USAGE', summary, hint: `There are ${Object.keys(FORMATS).join(', ')}` })
}

// What a project needs to run where nobody logs in: its files, the words that start it, and which of its ports others are
// to reach. The formats beside this file say it in the words of each system.

import { basename } from 'node:path'
import type { ForwardSpec, Project } from '../model/project.ts'

export interface Deployment {
  project: Project
  /** Forwards that the profiles select. */
  selected: ReadonlySet<string>
  /** In merge order. */
  files: ProjectFile[]
  /** Absolute: what starts this binary on this machine, without options. */
  command: string[]
  /** As `-p`, `--profile` and `--env-file` (absolute) were given; null and none where they were not. */
  options: { projectName: string | null; profiles: readonly string[]; envFile: string | null }
  /** Variables whose values stand in that file, or in the `.env` that is read instead, and nowhere else. */
  ofEnvFile: ReadonlySet<string>
  /** Of this binary. */
  version: string
}

/** `path`: absolute. `text`: what stands in it. */
export interface ProjectFile {
  path: string
  text: string
}

/** A forward that others reach in a container, where its own loopback is out of everybody's reach. */
export interface Served {
  name: string
  listensBy: 'local' | 'dynamic'
  port: number
}

/** In the image of examples/Dockerfile: the home folder, and where the files are put. */
export const HOME_THERE = '/srv/tunnels'
export const FOLDER_THERE = '/etc/tunnels'
export const CONTAINER_FILE = 'container.yaml'

/** What starts exactly these tunnels on this machine. */
export function wordsHere({ command, files, options }: Deployment): string[] {
  const { projectName, envFile } = options
  return [
    ...command,
    ...files.flatMap(({ path }) => ['-f', path]),
    ...(projectName === null ? [] : ['-p', projectName]),
    ...profileWords(options),
    ...(envFile === null ? [] : ['--env-file', envFile]),
    'up',
    '--json',
  ]
}

/** The same in a container, where {@link containerFile} lies beside the files, and nobody is there to be asked. */
export function wordsThere({ project, files, options }: Deployment): string[] {
  return [
    ...[...namesInFolder(files), CONTAINER_FILE].flatMap((name) => ['-f', `${FOLDER_THERE}/${name}`]),
    '-p',
    project.name,
    ...profileWords(options),
    'up',
    '--json',
    '--trust',
  ]
}

function profileWords({ profiles }: Deployment['options']): string[] {
  return profiles.flatMap((profile) => ['--profile', profile])
}

/** Set by whoever starts a process, or of no use in another place. */
const OWN = new Set(['HOME', 'USER', 'LOGNAME', 'PATH', 'LANG', 'SSH_AUTH_SOCK', 'SSH_ASKPASS'])

/** Variables that the files mention, and that somebody has to set there. */
export function variablesToSet({ project }: Deployment): string[] {
  return project.variables.filter((name) => !OWN.has(name) && !name.startsWith('XDG_')).sort()
}

/** On this machine, where the file with the others is read again; what is set here, if only to nothing, wins over that. */
export function variablesToSetHere(deployment: Deployment): string[] {
  return variablesToSet(deployment).filter((name) => !deployment.ofEnvFile.has(name))
}

/** Those with a port of their own; what no active profile selects does not run there. */
export function servedBy({ project, selected }: Deployment): Served[] {
  return [...project.forwards.values()]
    .filter(({ name }) => selected.has(name))
    .flatMap((forward) => served(forward) ?? [])
}

function served({ name, kind, listen }: ForwardSpec): Served | null {
  if (kind === 'remote' || listen.kind === 'unix' || listen.port === 'auto') return null
  return { name, listensBy: kind, port: listen.port }
}

/** What is merged onto the files in a container. */
export function containerFile(served: readonly Served[]): {
  forwards: Record<string, Record<string, string>>
} {
  const forwards = served.map(({ name, listensBy, port }) => [name, { [listensBy]: `*:${port}` }] as const)
  return { forwards: Object.fromEntries(forwards) }
}

/** Their names in one folder: two files of one name are told apart. */
export function namesInFolder(files: readonly ProjectFile[]): string[] {
  const names = files.map(({ path }) => basename(path))
  return names.map((name, at) => (names.indexOf(name) === at ? name : `${at}-${name}`))
}

/** A name that every system takes: small letters, digits and dashes. */
export function unitName({ project }: Deployment): string {
  return `tunnels-${project.name.replaceAll('_', '-').replace(/-+$/, '')}`
}

// From trees to a Project, in the order of 01-config-language: merge, interpolate, validate, fill defaults, and
// then look at everything together.

import { homedir } from 'node:os'
import { basename } from 'node:path'
import { isError, type Problem } from '../model/problem.ts'
import type { ForwardSpec, HostSpec, Project } from '../model/project.ts'
import { hostsInUse, portsWanted, type Selecting, selectForwards } from '../resolve/select.ts'
import { checkJumps, checkListeners } from './check.ts'
import { checkVariables } from './check-variables.ts'
import { giveHostOptions } from './host-options.ts'
import { type Interpolated, interpolateTree } from './interpolate.ts'
import { mergeTrees } from './merge.ts'
import { type Normalized, normalize } from './normalize.ts'
import type { Written } from './origins.ts'
import { normalizeName, parseProjectName } from './project-name.ts'
import { openSection, type Reading, read } from './reading.ts'
import { checkSecrets } from './secrets.ts'
import { formatPointer, type Tree } from './tree.ts'
import { findTrustParts } from './trust-parts.ts'
import { addDoubts, validateTree } from './validate.ts'
import type { OriginsOf } from './variable-origins.ts'
import { warnAbout, warnUnused } from './warnings.ts'

export interface Making {
  profiles: readonly string[]
  names: readonly string[] | null
  also?: readonly string[]
  leases?: readonly Omit<Selecting, 'leases'>[]
  projectName?: string
  /** What variables are looked up in, and HOME. */
  environment: Readonly<Record<string, string | undefined>>
  /** What a variable's value is made of. */
  originsOf: OriginsOf
  /** Variables that the `.env` file is made of. */
  mentioned: Iterable<ReadonlySet<string>>
  files: string[]
  folder: string
}

export interface Made {
  project: Project
  problems: Problem[]
  written: Pick<Written, 'places' | 'reached'>
}

/** `trees`: one a file, short forms expanded. The project is the best that could be made of them. */
export function makeProject(trees: Tree[], making: Making): Made {
  const { environment } = making
  const merged = mergeTrees(trees)
  const filled = interpolateTree(merged, (name) => environment[name])
  const reading = openReading(merged, filled, making)
  const doubts = validateTree(reading)
  const name = readName(reading, making)
  const normalized = normalize(reading)
  addDoubts(reading, doubts)

  const selecting = {
    profiles: making.profiles,
    names: making.names,
    ...(making.also && { also: making.also }),
    ...(making.leases && { leases: making.leases }),
    stopped: [],
  }
  const { selected } = selectForwards(normalized, selecting)
  const { written } = portsWanted(normalized, selecting)
  const forwards = [...normalized.forwards.values()].flatMap(({ spec }) => spec ?? [])
  const chosen = forwards.filter((forward) => selected.has(forward.name))
  const used = hostsInUse(normalized, selected)
  const reached = [...normalized.hosts.values()].filter((host) => used.has(host.name))
  checkSecrets(reading, { forwards: chosen, hosts: reached }, environment)
  checkTogether(reading, normalized, chosen, written)
  const project = {
    name,
    folder: making.folder,
    files: making.files,
    hosts: normalized.hosts,
    hostDefaults: normalized.hostDefaults,
    forwards: new Map(forwards.map((forward) => [forward.name, forward])),
    variables: variablesOf(
      [...filled.variables, ...[...making.mentioned].flatMap((names) => [...names])],
      forwards,
      normalized.hosts,
    ),
    trust: findTrustParts(reading, normalized, { reached: filled.reached, originsOf: making.originsOf }),
    warnings: [],
  }
  return {
    project,
    problems: [...softenUnselected(filled, normalized, selected), ...reading.problems],
    written: { places: reading.tree.places, reached: filled.reached },
  }
}

/** `written`: those of the chosen that listen as the file says. */
function checkTogether(
  reading: Reading,
  normalized: Normalized,
  chosen: ForwardSpec[],
  written: ReadonlySet<string>,
): void {
  checkJumps(reading, normalized.hosts)
  checkListeners(
    reading,
    chosen.filter(({ name, kind }) => kind === 'remote' || written.has(name)),
  )
  checkVariables(reading, chosen)
  warnAbout(reading, normalized.hosts, chosen)
  // While a name is wrong, the host that it should be only seems unused.
  if (reading.problems.some(isError)) return
  warnUnused(reading, normalized.hosts.values(), hostsInUse(normalized, normalized.forwards.keys()))
}

/** Values with a variable that is not set are left alone from here on: the variable is the problem. */
function openReading(raw: Tree, { value: tree, problems }: Interpolated, making: Making): Reading {
  const broken = new Set(problems.map(({ path }) => path))
  const pointers =
    broken.size > 0 ? [...tree.places.keys()].filter((path) => broken.has(formatPointer(path))) : []
  const reported = new Set(pointers)
  const base = { folder: making.folder, home: making.environment.HOME || homedir() }
  const given = giveHostOptions(tree, base, (path) => reported.has(path))
  return { raw, tree: given.value, base, problems: given.problems, reported }
}

function readName(reading: Reading, { projectName, folder }: Making): string {
  const written = read(openSection(reading, ''), 'name', parseProjectName)
  if (projectName === undefined) return written ?? normalizeName(basename(folder))
  const given = parseProjectName(projectName)
  if (given.ok) return given.value
  reading.problems.push({
    code: 'USAGE',
    summary: `The project name ${JSON.stringify(projectName)} ${given.complaint}`,
  })
  return normalizeName(projectName)
}

/** An unset variable that only matters to what is not selected is worth a warning. */
function softenUnselected(
  { problems, unset }: Interpolated,
  normalized: Normalized,
  selected: ReadonlySet<string>,
): Problem[] {
  const used = hostsInUse(normalized, selected)
  const idleForwards = [...normalized.forwards.keys()].filter((name) => !selected.has(name))
  const idleHosts = [...normalized.hosts.keys()].filter((name) => !used.has(name))
  const idle = [
    ...idleForwards.map((name) => `forwards.${name}.`),
    ...idleHosts.map((name) => `hosts.${name}.`),
  ]
  return problems.map((problem) => {
    const isIdle = idle.some((prefix) => problem.path?.startsWith(prefix))
    return isIdle && unset.has(problem) ? { ...problem, severity: 'warning' } : problem
  })
}

function variablesOf(
  mentioned: readonly string[],
  forwards: readonly ForwardSpec[],
  hosts: ReadonlyMap<string, HostSpec>,
): string[] {
  const named = [
    ...forwards.map(({ auth }) => auth?.passwordEnv),
    ...[...hosts.values()].flatMap((host) => [host.passwordEnv, host.passphraseEnv, agentVariable(host)]),
  ]
  return [...new Set([...mentioned, ...named.filter((name) => name !== undefined)])].sort()
}

/** `$NAME` stands for the agent whose socket that variable names. */
function agentVariable({ identityAgent }: HostSpec): string | undefined {
  return identityAgent?.startsWith('$') ? identityAgent.slice(1) : undefined
}

// `tunnels ls`: every project that runs for this user, a row each. Its JSON is the value itself.

import type { Problem } from '../model/problem.ts'
import type { Status } from '../model/status.ts'
import { makePrintable } from './printable.ts'
import { formatAge } from './quantity.ts'
import { paint } from './state.ts'
import { type Column, formatTable } from './table.ts'

/** As schema/projects.schema.json has it. What a supervisor that does not answer keeps to itself is null. */
export interface RunningProject {
  project: string
  /** `-p`. */
  projectName: string | null
  files: string[]
  /** The first file is no longer there; the tunnels run on. */
  fileGone: boolean
  pid: number | null
  startedAt: string | null
  version: string | null
  watching: boolean | null
  state: 'running' | 'unreachable'
  config: Status['config']['state'] | null
  forwards: { open: number; total: number } | null
  /** Why it could not be asked. */
  problem: Problem | null
}

export interface ProjectsViewOptions {
  /** Width to fit; null: as wide as it needs to be. */
  columns: number | null
  color: boolean
  now: Date
}

/** Ends with a line feed. */
export function formatProjects(projects: RunningProject[], options: ProjectsViewOptions): string {
  const rows = formatTable(projects, columnsOf(options), options.columns)
  const troubles = projects.flatMap((row) => troublesOf(row, options.color))
  return [...rows, ...(troubles.length > 0 ? ['', ...troubles] : []), ''].join('\n')
}

function columnsOf({ color, now }: ProjectsViewOptions): Column<RunningProject>[] {
  return [
    { title: 'PROJECT', text: (row) => row.project || '-', shrinkTo: 8 },
    { title: 'STATE', text: stateOf, paint: (text, row) => paint(text, styleOf(row), color) },
    { title: 'OPEN', text: ({ forwards }) => (forwards ? `${forwards.open}/${forwards.total}` : '-') },
    { title: 'FOR', text: ({ startedAt }) => (startedAt ? ageOf(startedAt, now) : '-') },
    { title: 'PID', text: ({ pid }) => String(pid ?? '-'), align: 'right' },
    { title: 'FILE', text: ({ files }) => files.join(' ') || '-', shrinkTo: 16 },
  ]
}

function stateOf({ state, config, fileGone }: RunningProject): string {
  if (state === 'unreachable') return 'does not answer'
  if (fileGone) return 'file is gone'
  return config === 'current' ? 'running' : `file is ${config}`
}

function styleOf(row: RunningProject) {
  if (row.state === 'unreachable') return 'red'
  return stateOf(row) === 'running' ? 'green' : 'yellow'
}

function ageOf(since: string, now: Date): string {
  return formatAge(now.getTime() - Date.parse(since))
}

function troublesOf({ project, problem }: RunningProject, color: boolean): string[] {
  if (!problem) return []
  const name = paint(makePrintable(project || 'unknown'), 'red', color)
  const hint = problem.hint ? [`  ${makePrintable(problem.hint)}`] : []
  return [`${name}: ${makePrintable(problem.summary)}`, ...hint]
}

// `tunnels config --origin` for a person: YAML, with a comment behind each value that says where it comes from.

import { relative } from 'node:path'
import type { Explained, ExplainedValue, ExplainedValues, Origin } from '../model/explained.ts'
import { makePrintable } from './printable.ts'

interface Places {
  /** What paths are shown relative to, where they are below it. */
  folder: string
  home: string | null
}

export function formatOrigins(explained: Explained, places: Places): string {
  const sections = [
    ['hosts', explained.hosts],
    ['forwards', explained.forwards],
  ] as const
  const lines = sections.flatMap(([name, section]) => [
    { text: `${name}:` },
    ...Object.entries(section).flatMap(([key, values]) => [
      { text: `  ${formatText(key)}:` },
      ...formatValues(values, places),
    ]),
  ])
  return align(lines)
}

interface Line {
  text: string
  comment?: string
}

function formatValues(values: ExplainedValues, places: Places): Line[] {
  return Object.entries(values).map(([key, { value, origin }]) => ({
    text: `    ${key}: ${formatValue(value)}`,
    comment: makePrintable(formatOrigin(origin, places)),
  }))
}

/** Comments in one column, but behind values that are longer than most. */
function align(lines: readonly Line[]): string {
  const widths = lines.map(({ text }) => [...text].length).filter((width) => width <= WIDEST)
  const column = Math.max(0, ...widths)
  return lines
    .map(({ text, comment }) => `${comment === undefined ? text : `${text.padEnd(column)}  # ${comment}`}\n`)
    .join('')
}

const WIDEST = 60

/** What YAML could take for something else is quoted, as JSON is. */
function formatValue(value: ExplainedValue): string {
  if (Array.isArray(value)) return `[${value.map(formatValue).join(', ')}]`
  return typeof value === 'string' ? formatText(value) : JSON.stringify(value)
}

function formatText(text: string): string {
  const isPlain = /^[\w./~+][\w./~@:+-]*$/.test(text) && !text.endsWith(':')
  return isPlain && !/^(true|false|null|yes|no|on|off|~|[-+.\d][\d_.a-f]*)$/i.test(text)
    ? text
    : makePrintable(JSON.stringify(text))
}

function formatOrigin(origin: Origin, places: Places): string {
  switch (origin.from) {
    case 'file': {
      const { file, line, path, variables = [] } = origin
      const brought = variables.map(({ name, source }) => {
        return `$${name}${source === 'environment' ? '' : ` of ${formatPath(source, places)}`}`
      })
      return [`${formatPath(file, places)}:${line}`, ...(path ? [path] : []), ...brought].join(', ')
    }
    case 'ssh_config':
      return origin.files.map((file) => formatPath(file, places)).join(', ') || 'ssh'
    default:
      return origin.from
  }
}

function formatPath(file: string, { folder, home }: Places): string {
  if (file === '-') return 'standard input'
  const isBelow = (path: string) => file.startsWith(`${path}/`)
  const isHomeNearer = home !== null && isBelow(home) && !(isBelow(folder) && folder.length > home.length)
  if (isHomeNearer) return `~${file.slice(home.length)}`
  return isBelow(folder) ? relative(folder, file) : file
}

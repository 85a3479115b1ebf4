// `env` of a forward: variables for programs, with {host}, {port} and {path} of where it listens. Which of the three
// there are is known from the file, so that a template that can never be filled is a problem at its line.

import type { ListenSpec } from '../model/address.ts'
import { placeholdersOf } from '../model/variables.ts'
import { find, isReported, openSubsection, report, type Section } from './reading.ts'
import { parseText } from './scalars.ts'

/** `listen`: undefined where that could not be read. */
export function readTemplates(section: Section, listen: ListenSpec | undefined): Record<string, string> {
  const env = openSubsection(section, 'env')
  const names = new Set(env.layers.flatMap(({ map }) => Object.keys(map)))
  const templates: [string, string][] = []
  for (const name of names) {
    const found = name.startsWith('x-') ? null : find(env, name)
    if (!found || isReported(section.reading, found)) continue
    const text = String(found.value)
    // Empty is a value, too.
    const parsed = text === '' ? ({ ok: true, value: '' } as const) : parseText(text)
    const complaint = parsed.ok ? complainOf(text, listen) : parsed.complaint
    if (complaint === null) templates.push([name, text])
    // One of the defaults is for the forwards that it fits.
    else if (!parsed.ok || found.path.startsWith('/forwards/'))
      report(section.reading, found.path, { complaint }, parsed.ok ? 'CONFIG_CONFLICT' : 'CONFIG_SCHEMA')
  }
  return Object.fromEntries(templates)
}

function complainOf(template: string, listen: ListenSpec | undefined): string | null {
  const names = placeholdersOf(template)
  if (listen?.kind === 'unix' && names.some((name) => name !== 'path'))
    return 'has {host} or {port}, and the forward listens on a Unix socket: that has only {path}'
  if (listen?.kind === 'tcp' && names.includes('path'))
    return 'has {path}, and the forward listens on a port: that has {host} and {port}'
  return null
}

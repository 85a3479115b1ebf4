// The options that every command takes, before or after the verb, and the variables that stand in for them.

import { type Command, Option } from 'commander'
import type { GlobalOptions } from './invocation.ts'

/** `followsByF`: after this verb `-f` is its own, as in `docker compose logs -f`. */
export function addGlobalOptions(command: Command, { hidden = false, followsByF = false } = {}): void {
  const collect = (value: string, before: string[] | undefined) => [...(before ?? []), value]
  const options = [
    new Option(
      followsByF ? '--file <file>' : '-f, --file <file>',
      'the file; may be repeated, later ones win (- is standard input)',
    ).argParser(collect),
    new Option('-p, --project-name <name>', 'name of the project'),
    new Option('--profile <name>', 'a profile to select; may be repeated').argParser(collect),
    new Option('--env-file <file>', 'read this file instead of .env'),
    new Option('--json', 'print JSON'),
    new Option('--no-color', 'no colours'),
    new Option('-q, --quiet', 'only problems'),
    new Option('-v, --verbose', 'say which files, variables and sockets are used'),
  ]
  for (const option of options) command.addOption(hidden ? option.hideHelp() : option)
}

interface RawOptions {
  file?: string[]
  projectName?: string
  profile?: string[]
  envFile?: string
  json?: true
  color: boolean
  quiet?: true
  verbose?: true
}

/** The same option may stand before the verb, after it, or in both places: then they add up, or the later wins. */
export function readGlobalOptions(
  program: Command,
  command: Command,
  env: Readonly<Record<string, string | undefined>>,
): GlobalOptions & { color: boolean } {
  const before = program.opts<RawOptions>()
  const after: RawOptions = program === command ? { color: true } : command.opts<RawOptions>()
  const both = { ...before, ...after }
  const profiles = [...(before.profile ?? []), ...(after.profile ?? [])]
  return {
    files: [...(before.file ?? []), ...(after.file ?? [])],
    projectName: both.projectName ?? (env.TUNNELS_PROJECT_NAME || null),
    profiles: profiles.length > 0 ? profiles : (env.TUNNELS_PROFILES ?? '').split(',').filter(Boolean),
    envFile: both.envFile ?? null,
    json: both.json === true,
    quiet: both.quiet === true,
    verbose: both.verbose === true,
    color: before.color && after.color,
  }
}

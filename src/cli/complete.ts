// What can stand where on a command line, for a shell that asks while somebody types: verbs and options as commander has
// them, names as the files have them. Quick and silent: files are only read as text, nothing is resolved, nothing is run.

import { homedir } from 'node:os'
import type { Command, Option } from 'commander'
import type { CompletionNames } from './completion-names.ts'

export interface Candidate {
  word: string
  description: string
}

/** `files`: the shell completes a path. `command`: it completes a command of its own, which begins behind that word. */
export type Completion = Candidate[] | 'files' | { command: number }

export interface Completing {
  env: Readonly<Record<string, string | undefined>>
  cwd: string
}

/** `words`: those behind `tunnels`, the last one the one that is being typed, perhaps empty. */
export async function complete(
  program: Command,
  words: readonly string[],
  completing: Completing,
): Promise<Completion> {
  const typed = joinEquals(words)
  const line = readLine(program, typed.slice(0, -1))
  const word = typed.at(-1) ?? ''
  if (line.behindDashes !== null) {
    const isCommand = line.verb?.name() === 'run'
    return isCommand ? { command: words.indexOf('--') + 1 } : []
  }
  const found = await find(program, line, word, completing)
  if (found === 'files') return found
  // bash gives what is behind `=` as a word of its own, and wants it so.
  const isSplit = words.at(-2) === '=' || words.at(-1) === '='
  return found
    .filter((candidate) => candidate.word.startsWith(word))
    .map((candidate) =>
      isSplit ? { ...candidate, word: candidate.word.replace(/^--[^=]*=/, '') } : candidate,
    )
}

/** As the scripts in completion/ read it. */
export function formatCompletion(completion: Completion): string {
  if (completion === 'files') return ':files\n'
  if (!Array.isArray(completion)) return `:command ${completion.command}\n`
  return completion.map(({ word, description }) => `${word}\t${description}\n`).join('')
}

/** bash takes `--format=shell` for three words. */
function joinEquals(words: readonly string[]): string[] {
  const joined: string[] = []
  for (const word of words) {
    const isJoined = joined.length > 0 && (word === '=' || /^--[^=]+=$/.test(joined.at(-1)!))
    if (isJoined && (word === '=' ? /^--[^=]+$/.test(joined.at(-1)!) : true)) joined.push(joined.pop() + word)
    else joined.push(word)
  }
  return joined
}

interface Line {
  verb: Command | null
  operands: string[]
  /** An option that waits for its value. */
  open: Option | null
  /** By long name, the values that were given; none for what takes none. */
  values: Map<string, string[]>
  /** How many words stand behind `--`; null: there is none. */
  behindDashes: number | null
}

function readLine(program: Command, words: readonly string[]): Line {
  const line: Line = { verb: null, operands: [], open: null, values: new Map(), behindDashes: null }
  for (const [index, word] of words.entries()) {
    if (line.open) {
      give(line, line.open, word)
      line.open = null
    } else if (word === '--') return { ...line, behindDashes: words.length - index - 1 }
    else if (word.startsWith('-')) takeOption(program, line, word)
    else if (line.verb === null && line.operands.length === 0)
      line.verb = verbNamed(program, word) ?? nobody(line, word)
    else line.operands.push(word)
  }
  return line
}

function verbNamed(program: Command, word: string): Command | undefined {
  return program.commands.find((command) => command.name() === word || command.aliases().includes(word))
}

/** `help` is no command of ours; a verb that is none has nothing behind it. */
function nobody(line: Line, word: string): null {
  line.operands.push(word)
  return null
}

function takeOption(program: Command, line: Line, word: string): void {
  const [name = '', ...value] = word.split('=')
  const option = optionsOf(program, line).find(({ long, short }) => long === name || short === name)
  if (!option?.long) return
  if (!takesValue(option)) line.values.set(option.long, [])
  else if (value.length > 0) give(line, option, value.join('='))
  else line.open = option
}

function give({ values }: Line, { long }: Option, value: string): void {
  values.set(long!, [...(values.get(long!) ?? []), value])
}

/** Those of the verb first: `logs -f` is its own. */
function optionsOf(program: Command, { verb }: Line): Option[] {
  return [...(verb?.options ?? []), ...program.options]
}

function takesValue(option: Option): boolean {
  return option.required || option.optional
}

async function find(
  program: Command,
  line: Line,
  word: string,
  completing: Completing,
): Promise<Candidate[] | 'files'> {
  if (line.open) return valuesOf(line.open, line, completing)
  const [, name, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? []
  if (name !== undefined && value !== undefined) {
    const option = optionsOf(program, line).find(({ long }) => long === name)
    const found = option && takesValue(option) ? await valuesOf(option, line, completing) : []
    return found === 'files' ? found : found.map((one) => ({ ...one, word: `${name}=${one.word}` }))
  }
  if (word.startsWith('-')) return optionWords(program, line)
  if (line.verb === null)
    return line.operands.length === 0 || line.operands[0] === 'help' ? verbWords(program, line) : []
  return operandWords(line.verb, line, completing)
}

function verbWords(program: Command, { operands }: Line): Candidate[] {
  if (operands.length > 1) return []
  const visible = program.createHelp().visibleCommands(program)
  return visible.map((command) => ({ word: command.name(), description: command.description() }))
}

function optionWords(program: Command, line: Line): Candidate[] {
  const help = program.createHelp()
  const own = line.verb ? help.visibleOptions(line.verb) : []
  const all = [...own, ...help.visibleOptions(program)]
  const words = all.flatMap(({ long, description }) => (long ? [[long, description] as const] : []))
  return [...new Map(words)].map(([word, description]) => ({ word, description }))
}

const FORMATS: Readonly<Record<string, string[]>> = { env: ['shell', 'dotenv', 'json'] }

async function valuesOf(
  { long }: Option,
  line: Line,
  completing: Completing,
): Promise<Candidate[] | 'files'> {
  if (long === '--file' || long === '--env-file') return 'files'
  if (long === '--format')
    return (FORMATS[line.verb?.name() ?? ''] ?? []).map((word) => ({ word, description: '' }))
  if (long === '--profile')
    return (await names(line, completing)).profiles.map((word) => ({ word, description: 'profile' }))
  return []
}

async function operandWords(
  verb: Command,
  line: Line,
  completing: Completing,
): Promise<Candidate[] | 'files'> {
  const [argument] = verb.registeredArguments
  if (!argument || (line.operands.length > 0 && !argument.variadic)) return []
  switch (verb.name()) {
    case 'export':
      return Object.keys((await import('../export/formats.ts')).FORMATS).map((word) => ({
        word,
        description: 'format',
      }))
    case 'completion':
      return Object.keys((await import('./completion.ts')).SHELLS).map((word) => ({
        word,
        description: 'shell',
      }))
    case 'import': {
      if (!line.values.has('--from-ssh-config')) return []
      const { listSshHosts } = await import('../resolve/ssh-config-hosts.ts')
      const hosts = await listSshHosts(completing.env.HOME || homedir())
      return hosts.filter((name) => /^[\w.@:-]+$/.test(name)).map((word) => ({ word, description: 'host' }))
    }
    case 'ls':
      return []
    case 'hostkeys':
      return hostWords(await names(line, completing), line)
    case 'port':
      return forwardWords(await names(line, completing), line)
    default: {
      const all = await names(line, completing)
      return [...forwardWords(all, line), ...hostWords(all, line)]
    }
  }
}

async function names({ values }: Line, completing: Completing): Promise<CompletionNames> {
  const { readNames } = await import('./completion-names.ts')
  return readNames(values.get('--file') ?? [], completing)
}

function forwardWords({ forwards }: CompletionNames, line: Line): Candidate[] {
  return unsaid(forwards, line).map((word) => ({ word, description: 'forward' }))
}

function hostWords({ hosts }: CompletionNames, line: Line): Candidate[] {
  return unsaid(hosts, line).map((word) => ({ word, description: 'host' }))
}

function unsaid(all: readonly string[], { operands }: Line): string[] {
  return all.filter((name) => !operands.includes(name))
}

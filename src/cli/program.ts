// Every command of the binary, put together: how a verb takes its options and names, and ends in an exit code. The verbs
// stand in three files, in the order of the help.

import { Command } from 'commander'
import { complain } from './complain.ts'
import { besideCommand, EXIT } from './exit-code.ts'
import { addGlobalOptions, readGlobalOptions } from './global-options.ts'
import type { Invocation } from './invocation.ts'
import { openTerminal } from './terminal.ts'
import type { Add } from './verb.ts'
import { addVerbsOfFiles } from './verbs-of-files.ts'
import { addVerbsThatSteer } from './verbs-that-steer.ts'
import { addVerbsThatTell } from './verbs-that-tell.ts'

export interface CommandLineOptions {
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  version: string
  mainPath: string
}

/** Nothing runs before it is told to parse; `done` is told the exit code. */
export function buildProgram(options: CommandLineOptions, done: (exitCode: number) => void): Command {
  const program = new Command('tunnels')
    .description('SSH tunnels from a file: what Compose does for containers, for ssh -L, -R and -D')
    .version(options.version, '--version', 'print the version')
    .helpOption('--help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .addHelpText('after', formatExamples(['tunnels up -d', 'tunnels status', 'tunnels help up']))
  addGlobalOptions(program)
  const add = verbAdder(program, options, done)
  addVerbsThatSteer(add)
  addVerbsThatTell(add)
  addVerbsOfFiles(add)
  return program
}

/** Each verb takes the global options too, where it stands (but not in its own help: they are in the program's). */
function verbAdder(program: Command, options: CommandLineOptions, done: (exitCode: number) => void): Add {
  return (usage, description, run, { examples, hidden = false, followsByF = false, runsCommand = false }) => {
    const command = program.command(usage, { hidden }).description(description)
    command.helpOption('--help', 'print help').addHelpText('after', formatExamples(examples))
    addGlobalOptions(command, { hidden: true, followsByF })
    return command.action(async (...args: unknown[]) => {
      const operands = [args[0]].flat().filter((word) => typeof word === 'string')
      const behind = runsCommand ? behindDashes(program.args) : null
      const names = operands.slice(0, operands.length - (behind?.length ?? 0))
      const invocation = invocationOf(program, command, options)
      const own = command.opts()
      const failed = async (error: unknown) => {
        const code = await complain(error, invocation)
        return runsCommand ? besideCommand(code) : errorExit(code, own)
      }
      done(await run(invocation, names, own, behind).catch(failed))
    })
  }
}

function behindDashes(argv: string[]): string[] | null {
  const at = argv.indexOf('--')
  return at === -1 ? null : argv.slice(at + 1)
}

/** `plan --detailed-exitcode` says 2 for changes, so that an error can only be 1. */
function errorExit(code: number, own: Record<string, unknown>): number {
  return own.detailedExitcode === true && code !== EXIT.fine ? EXIT.failed : code
}

export function invocationOf(program: Command, command: Command, given: CommandLineOptions): Invocation {
  const { color, ...options } = readGlobalOptions(program, command, given.env)
  const { quiet, verbose } = options
  return { ...given, options, terminal: openTerminal({ env: given.env, color, quiet, verbose }) }
}

function formatExamples(examples: readonly string[]): string {
  const title = examples.length > 1 ? 'Examples' : 'Example'
  return ['', `${title}:`, ...examples.map((line) => `  $ ${line}`)].join('\n')
}

// argv → exit code: what stands on a command line, and what is said of a mistake in it. Which commands there are is
// program.ts's.

import { type Command, CommanderError } from 'commander'
import { formatJson } from '../view/json.ts'
import { complain } from './complain.ts'
import { EXIT } from './exit-code.ts'
import { buildProgram, type CommandLineOptions, invocationOf } from './program.ts'

/** Runs the verb that `argv` (without node and script) asks for; resolves with the exit code. Never rejects. */
export async function runCommandLine(argv: string[], options: CommandLineOptions): Promise<number> {
  let code: number = EXIT.fine
  const done = (exitCode: number) => {
    code = exitCode
  }
  const program = buildProgram(options, done)
  // Words that somebody is still typing are no command line yet.
  if (argv[0] === '__complete') return printCompletion(program, argv.slice(1), options)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return refuseUsage(error, program, argv)
    return complain(error, invocationOf(program, program, options))
  }
}

/** Says nothing of what goes wrong: it would stand in the middle of what is being typed. */
async function printCompletion(
  program: Command,
  words: string[],
  options: CommandLineOptions,
): Promise<number> {
  try {
    const { complete, formatCompletion } = await import('./complete.ts')
    process.stdout.write(formatCompletion(await complete(program, words, options)))
  } catch {
    return EXIT.failed
  }
  return EXIT.fine
}

/** Help and version are no errors, nor is asking for nothing; anything else that commander refuses is. */
function refuseUsage(error: CommanderError, program: Command, words: string[]): number {
  const argv = untilDashes(words)
  if (error.exitCode === 0) return EXIT.fine
  if (error.code === 'commander.help') {
    program.outputHelp()
    return EXIT.fine
  }
  const [summary = '', meant] = error.message.replace(/^error: /, '').split('\n')
  const others = error.code === 'commander.unknownOption' ? ofOthers(words) : undefined
  const hint = others ?? meant
  const problems = [{ code: 'USAGE', summary, ...(hint && { hint: hint.replace(/[()]/g, '') }) }]
  if (argv.includes('--json')) process.stdout.write(`${formatJson({ problems })}\n`)
  else {
    const text = [summary, hint].filter(Boolean).join('\n')
    const verb = program.commands.find(
      (command) => command.name() === argv.find((word) => !word.startsWith('-')),
    )
    process.stderr.write(`tunnels: ${text}\nSee \`tunnels ${verb ? `help ${verb.name()}` : '--help'}\`\n`)
  }
  return argv.includes('--detailed-exitcode') ? EXIT.failed : EXIT.usage
}

/** The options of ssh, and of a command that is to be run, are not ours. */
function ofOthers(words: string[]): string | undefined {
  if (words.includes('import')) return 'Put the command line in quotes, or behind --'
  if (words.includes('run') && !words.includes('--'))
    return 'Put the command behind two dashes: tunnels run -- COMMAND'
  return undefined
}

function untilDashes(argv: string[]): string[] {
  const at = argv.indexOf('--')
  return at === -1 ? argv : argv.slice(0, at)
}

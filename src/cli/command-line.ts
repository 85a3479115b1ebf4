// argv → verb: every command and option of the binary, what help says of them, and where a mistake is caught.
// A verb's code is loaded only when it is the one that was asked for.

import { Command, CommanderError } from 'commander'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import { formatJson } from '../view/json.ts'
import { besideCommand, EXIT, exitCodeOf } from './exit-code.ts'
import { addGlobalOptions, readGlobalOptions } from './global-options.ts'
import type { Invocation } from './invocation.ts'
import { openTerminal } from './terminal.ts'

export interface CommandLineOptions {
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  version: string
  mainPath: string
}

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
    if (error instanceof CommanderError) return refuseUsage(error, program, untilDashes(argv))
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
  addVerbs(add)
  return program
}

/** `own`: its options. `command`: what stands behind `--`; null where there is none. */
type Run = (
  invocation: Invocation,
  names: string[],
  own: Record<string, unknown>,
  command: string[] | null,
) => Promise<number>
type Add = (usage: string, description: string, run: Run, more: More) => Command

interface More {
  /** Whole command lines, at the end of its help; a test parses each. */
  examples: string[]
  hidden?: boolean
  followsByF?: boolean
  /** A command of somebody else follows behind `--`, whose exit codes are not ours. */
  runsCommand?: boolean
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

function formatExamples(examples: readonly string[]): string {
  const title = examples.length > 1 ? 'Examples' : 'Example'
  return ['', `${title}:`, ...examples.map((line) => `  $ ${line}`)].join('\n')
}

function untilDashes(argv: string[]): string[] {
  const at = argv.indexOf('--')
  return at === -1 ? argv : argv.slice(0, at)
}

function behindDashes(argv: string[]): string[] | null {
  const at = argv.indexOf('--')
  return at === -1 ? null : argv.slice(at + 1)
}

function addVerbs(add: Add): void {
  const up = add(
    'up [NAME...]',
    'open what the file says, and keep it open',
    async (invocation, names, own) => {
      const verb = await import('./up.ts')
      const { detach = false, watch = true, dryRun = false } = own as Partial<Record<string, boolean>>
      const waiting = {
        wait: own.wait === true,
        waitTimeout: (own.waitTimeout as string | undefined) ?? null,
        http: (own.http as string | undefined) ?? null,
      }
      return verb.up(invocation, { names, detach, watch, dryRun, ...waiting, trust: own.trust === true })
    },
    { examples: ['tunnels up', 'tunnels up -d web', 'tunnels up --wait --wait-timeout 2m'] },
  )
  up.option(
    '-d, --detach',
    'in the background; returns when each forward is open or its first attempt has failed',
  )
    .option('--wait', 'as -d, but wait until a connection has gone through each, as its healthcheck says')
    .option('--wait-timeout <duration>', 'how long --wait waits (60s; 0: for ever)')
    .option('--http <address>', 'serve /healthz, /readyz and /metrics on a port, or address:port')
    .option('--no-watch', 'do not follow the file')
    .option('--dry-run', 'show what would change, as `plan`')
    .option('--trust', 'accept what this file may do, without asking')
  add(
    'down [NAME...]',
    'close them; without names also end the supervisor',
    async (invocation, names, own) => {
      const verb = await import('./down.ts')
      const drain = (own.drain as string | undefined) ?? null
      return verb.down(invocation, { names, drain, all: own.all === true })
    },
    { examples: ['tunnels down', 'tunnels down web --drain 30s'] },
  )
    .option('--drain <duration>', 'let open connections finish first, at most this long (30s)')
    .option('--all', 'every project of this user')
  add(
    'plan [NAME...]',
    'show what `up` would change, and why',
    async (invocation, names, own) => {
      const verb = await import('./plan.ts')
      return verb.plan(invocation, { names, detailedExitcode: own.detailedExitcode === true, asUp: false })
    },
    { examples: ['tunnels plan', 'tunnels plan --detailed-exitcode'] },
  ).option('--detailed-exitcode', 'exit with 0 for no changes, 2 for changes, 1 for an error')
  add(
    'status [NAME...]',
    'show hosts and forwards as they are now',
    async (invocation, names, own) => {
      const verb = await import('./status.ts')
      const { check = false, watch = false, connections = false } = own as Partial<Record<string, boolean>>
      return verb.status(invocation, { names, check, watch, connections })
    },
    { examples: ['tunnels status --watch', 'tunnels status --check web', 'tunnels status --connections'] },
  )
    .alias('ps')
    .option('--check', 'exit with 1 unless all are open (or idle) and none is unhealthy')
    .option('--connections', 'each connection, too: client, age and bytes')
    .option('--watch', 'go on showing it as it changes')
  addSmallVerbs(add)
}

function addSmallVerbs(add: Add): void {
  add(
    'restart [NAME...]',
    'close and open again',
    async (invocation, names, own) =>
      (await import('./restart.ts')).restart(invocation, { names, trust: own.trust === true }),
    { examples: ['tunnels restart web'] },
  ).option('--trust', 'accept what this file may do, without asking')
  add(
    'reload',
    'read the file again, now',
    async (invocation, _names, own) =>
      (await import('./reload.ts')).reload(invocation, { trust: own.trust === true }),
    { examples: ['tunnels reload'] },
  ).option('--trust', 'accept what this file may do, without asking')
  add(
    'doctor [NAME...]',
    'go through each step, and say what is wrong',
    async (invocation, names, own) =>
      (await import('./doctor.ts')).doctor(invocation, { names, trust: own.trust === true }),
    { examples: ['tunnels doctor', 'tunnels doctor web'] },
  ).option('--trust', 'accept what this file may do, without asking')
  add(
    'hostkeys [HOST...]',
    'the keys of hosts, as a block for the file',
    async (invocation, names, own) =>
      (await import('./hostkeys.ts')).hostkeys(invocation, {
        names,
        scan: own.scan === true,
        trust: own.trust === true,
      }),
    { examples: ['tunnels hostkeys', 'tunnels hostkeys --scan bastion'] },
  )
    .option('--scan', 'ask the servers, instead of known_hosts; nobody vouches for what they say')
    .option('--trust', 'with --scan: accept what the files may do without asking')
  const runLogs: Run = async (invocation, names, own) => {
    const { follow, lines, since } = own as { follow?: true; lines?: string; since?: string }
    const verb = await import('./logs.ts')
    return verb.logs(invocation, {
      names,
      follow: follow === true,
      lines: lines ?? null,
      since: since ?? null,
    })
  }
  add('logs [NAME...]', 'show what has happened', runLogs, {
    followsByF: true,
    examples: ['tunnels logs -f', 'tunnels logs web --since 10m'],
  })
    .option('-f, --follow', 'and go on with what happens')
    .option('-n, --lines <count>', 'the last so many lines (100), or `all`')
    .option('--since <when>', 'how long ago (10m), or since a time (2026-03-01T12:00)')
  const runRun: Run = async (invocation, names, own, command) => {
    const verb = await import('./run.ts')
    const waitTimeout = (own.waitTimeout as string | undefined) ?? null
    const { trust = false, autoPorts = false } = own as Partial<Record<string, boolean>>
    return verb.run(invocation, { names, command, trust, autoPorts, waitTimeout })
  }
  add('run [words...]', 'run a command with tunnels around it', runRun, {
    runsCommand: true,
    examples: ['tunnels run -- npm test', 'tunnels run postgres -- psql'],
  })
    .usage('[options] [NAME...] -- COMMAND [ARGUMENT...]')
    .option('--auto-ports', 'listen on free ports, whatever the file says')
    .option('--wait-timeout <duration>', 'how long a connection may take to go through (60s; 0: for ever)')
    .option('--trust', 'accept what this file may do, without asking')
  add(
    'port <name>',
    'where a forward listens',
    async (invocation, [name = '']) => (await import('./port.ts')).port(invocation, name),
    { examples: ['tunnels port web'] },
  )
  add(
    'env [NAME...]',
    'the variables by which programs find the forwards',
    async (invocation, names, own) => {
      const verb = await import('./env.ts')
      return verb.env(invocation, { names, format: (own.format as string | undefined) ?? null })
    },
    { examples: ['eval "$(tunnels env)"', 'tunnels env web --format dotenv > .env.tunnels'] },
  ).option('--format <format>', 'shell (the default), dotenv or json')
  add(
    'ls [address]',
    'show every project that runs, or who holds a port, an address or a socket',
    async (invocation, [what = null]) => (await import('./ls.ts')).ls(invocation, what),
    { examples: ['tunnels ls', 'tunnels ls 9000'] },
  )
  add(
    'config',
    'print the file as it is understood; with --quiet only check it',
    async (invocation, _, own) =>
      (await import('./config.ts')).config(invocation, { checkOnly: false, withOrigin: own.origin === true }),
    { examples: ['tunnels config', 'tunnels config --origin'] },
  ).option('--origin', 'print every value in effect, with where it comes from')
  add(
    'validate',
    'check the file, warnings included',
    async (invocation) =>
      (await import('./config.ts')).config(invocation, { checkOnly: true, withOrigin: false }),
    { examples: ['tunnels validate -f tunnels.yaml'] },
  )
  add(
    'trust',
    'show what the files may do, and what waits for an answer',
    async (invocation, _names, own) => {
      const verb = await import('./trust.ts')
      return verb.trust(invocation, { list: own.list === true, revoke: own.revoke === true })
    },
    { examples: ['tunnels trust', 'tunnels trust --revoke'] },
  )
    .option('--list', 'of every project')
    .option('--revoke', 'trust nothing of this project any more')
  add(
    'init',
    'write a first tunnels.yaml here',
    async (invocation) => (await import('./init.ts')).init(invocation),
    { examples: ['tunnels init'] },
  )
  add(
    'import [words...]',
    'an ssh command line, or your ssh configuration, as lines for the file',
    async (invocation, words, own) => {
      const verb = await import('./import.ts')
      const fromSshConfig = own.fromSshConfig === true
      return verb.importTunnels(invocation, { words, fromSshConfig, write: own.write === true })
    },
    {
      examples: [
        "tunnels import 'ssh -L 8080:zaiste.net:80 acme'",
        'tunnels import --write -- ssh -p 2222 -D 1080 me@acme',
        'tunnels import --from-ssh-config --write',
      ],
    },
  )
    .usage("[options] ('ssh …' | -- ssh … | --from-ssh-config [HOST...])")
    .option(
      '--from-ssh-config',
      'the forwards of these hosts of your ssh configuration, or of all that it names',
    )
    .option('--write', 'add them to the file, and touch nothing else in it')
  add(
    'export <format>',
    'print the same tunnels for ssh, systemd, launchd, compose or kubernetes',
    async (invocation, [format = '']) => (await import('./export.ts')).exportTo(invocation, format),
    { examples: ['tunnels export ssh', 'tunnels export systemd > shop.service'] },
  )
  add(
    'dashboard',
    'a page to look at and to steer it, on loopback, with a token',
    async (invocation) => (await import('./dashboard.ts')).dashboard(invocation),
    { examples: ['tunnels dashboard'] },
  )
  add(
    'schema',
    'print the JSON Schema of tunnels.yaml',
    async (invocation) => (await import('./schema.ts')).schema(invocation),
    { examples: ['tunnels schema > tunnels.schema.json'] },
  )
  add(
    'completion <shell>',
    'print what completes command lines in bash, zsh or fish',
    async (invocation, [shell = '']) => (await import('./completion.ts')).completion(invocation, shell),
    {
      examples: [
        'eval "$(tunnels completion bash)"',
        'source <(tunnels completion zsh)',
        'tunnels completion fish | source',
      ],
    },
  )
  add(
    'demo',
    'show it at work, against an SSH server of its own',
    async (invocation, _names, own) =>
      (await import('./demo.ts')).demo(invocation, { once: own.once === true }),
    { examples: ['tunnels demo'] },
  ).option('--once', 'end by itself')
  const supervise: Run = async (invocation) => (await import('./supervise.ts')).supervise(invocation)
  add('__supervise <file>', 'what `up -d` leaves in the background', supervise, {
    hidden: true,
    examples: [],
  })
}

function invocationOf(program: Command, command: Command, given: CommandLineOptions): Invocation {
  const { color, ...options } = readGlobalOptions(program, command, given.env)
  const { quiet, verbose } = options
  return { ...given, options, terminal: openTerminal({ env: given.env, color, quiet, verbose }) }
}

/** Help and version are no errors, nor is asking for nothing; anything else that commander refuses is. */
function refuseUsage(error: CommanderError, program: Command, argv: string[]): number {
  if (error.exitCode === 0) return EXIT.fine
  if (error.code === 'commander.help') {
    program.outputHelp()
    return EXIT.fine
  }
  const [summary = '', meant] = error.message.replace(/^error: /, '').split('\n')
  // The options of ssh are not ours.
  const isSsh = error.code === 'commander.unknownOption' && argv.includes('import')
  const hint = isSsh ? 'Put the command line in quotes, or behind --' : meant
  const problems = [{ code: 'USAGE', summary, ...(hint && { hint: hint.replace(/[()]/g, '') }) }]
  if (argv.includes('--json')) process.stdout.write(`${formatJson({ problems })}\n`)
  else {
    const words = isSsh ? `${summary}\n${hint}` : error.message.replace(/^error: /, '')
    process.stderr.write(`tunnels: ${words}\nSee \`tunnels --help\`\n`)
  }
  return argv.includes('--detailed-exitcode') ? EXIT.failed : EXIT.usage
}

/** `plan --detailed-exitcode` says 2 for changes, so that an error can only be 1. */
function errorExit(code: number, own: Record<string, unknown>): number {
  return own.detailedExitcode === true && code !== EXIT.fine ? EXIT.failed : code
}

async function complain(error: unknown, { options, terminal }: Invocation): Promise<number> {
  const problems: readonly Problem[] = error instanceof ProblemError ? error.problems : [problemOf(error)]
  if (options.json) terminal.print(`${formatJson({ problems })}\n`)
  else {
    const { formatProblems } = await import('../view/problem.ts')
    const view = { sources: () => undefined, color: terminal.color.err, cwd: process.cwd() }
    terminal.complain(formatProblems([...problems], view).trimEnd())
  }
  return exitCodeOf(problems)
}

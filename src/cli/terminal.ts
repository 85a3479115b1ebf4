// The person's end: answers go to stdout, everything else to stderr; whether there are colours, cursor
// movements and a width is decided once, here.

export interface Terminal {
  /** An answer, on stdout, as it is. */
  print(text: string): void
  /** A word to the person, on stderr; a line feed is added. Silent with `--quiet`. */
  note(text: string): void
  /** As `note`, but only with `--verbose`. */
  explain(text: string): void
  /** What went wrong, on stderr; a line feed is added. Never silent. */
  complain(text: string): void
  readonly stderr: NodeJS.WriteStream
  /** Colours on stdout, on stderr. */
  readonly color: { out: boolean; err: boolean }
  /** Width of stdout, now; null: endless. */
  readonly columns: number | null
  /** stdout, where it can be drawn on. */
  readonly screen: NodeJS.WriteStream | null
  /** stderr shows cursor movements to a person. */
  readonly isLive: boolean
  /** Somebody can be asked. */
  readonly hasPerson: boolean
}

export interface TerminalOptions {
  env: Readonly<Record<string, string | undefined>>
  /** `--no-color`. */
  color: boolean
  quiet: boolean
  verbose: boolean
}

export function openTerminal(options: TerminalOptions): Terminal {
  const { stdin, stdout, stderr } = process
  const color = { out: hasColor(stdout, options), err: hasColor(stderr, options) }
  const isDumb = options.env.TERM === 'dumb'
  return {
    print: (text) => void stdout.write(text),
    note: (text) => {
      if (!options.quiet) stderr.write(`${text}\n`)
    },
    explain: (text) => {
      if (options.verbose && !options.quiet) stderr.write(`${text}\n`)
    },
    complain: (text) => void stderr.write(`${text}\n`),
    stderr,
    color,
    get columns() {
      return columnsOf(stdout, options.env)
    },
    screen: stdout.isTTY && !options.env.CI && !isDumb ? stdout : null,
    isLive: Boolean(stderr.isTTY) && !options.quiet && !options.env.CI && !isDumb,
    hasPerson: Boolean(stdin.isTTY && stderr.isTTY),
  }
}

/** https://no-color.org: set and not empty means none; `--no-color` before FORCE_COLOR before the rest. */
function hasColor(stream: NodeJS.WriteStream, { env, color }: TerminalOptions): boolean {
  if (!color) return false
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR)
  if (env.NO_COLOR) return false
  return Boolean(stream.isTTY) && env.TERM !== 'dumb'
}

function columnsOf(stream: NodeJS.WriteStream, env: TerminalOptions['env']): number | null {
  const said = Number(env.COLUMNS)
  if (Number.isInteger(said) && said > 0) return said
  return stream.isTTY ? stream.columns || null : null
}

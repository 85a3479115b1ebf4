// The binary: argv → exit code. Knows where it must not run, and is the only place that ends the process.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const isOldNode = major < 20 || (major === 20 && minor < 19)

if (process.platform === 'win32') refuse('tunnels runs on Linux and macOS; on Windows it works inside WSL.')
else if (isOldNode) refuse(`tunnels needs Node 20.19 or newer; this is ${process.versions.node}.`)
else run().catch(giveUp)

function refuse(sentence: string): void {
  process.stderr.write(`${sentence}\n`)
  process.exit(2)
}

/** Without room for our own files there is no other file that could say so. */
function giveUp(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EMFILE' && error.code !== 'ENFILE') throw error
  process.stderr.write('tunnels may open too few files here; raise the limit (ulimit -n)\n')
  process.exit(1)
}

async function run(): Promise<void> {
  await keepCompiledCode()
  const [{ readFileSync }, { fileURLToPath }, { runCommandLine }] = await Promise.all([
    import('node:fs'),
    import('node:url'),
    import('./cli/command-line.ts'),
  ])
  process.stdout.on('error', leave)
  process.stderr.on('error', () => {})
  const packageFile = new URL('../package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }
  const mainPath = fileURLToPath(import.meta.url)
  const argv = process.argv.slice(2)
  const code = await runCommandLine(argv, { env: process.env, cwd: process.cwd(), version, mainPath })
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  process.once('exit', endAtOnce)
  process.exit(isAnswerLost ? 1 : isReaderGone ? 0 : code)
}

/**
 * An exit waits for look-ups under way, 10 s and longer where a name server says nothing. The signal that asked for our
 * end does not, and is the same to a shell; so it comes last.
 */
function endAtOnce(code: number): void {
  const signal = ({ 130: 'SIGINT', 143: 'SIGTERM' } as const)[code]
  if (!signal || !process.getActiveResourcesInfo().includes('GetAddrInfoReqWrap')) return
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

/** Where this Node can, and nothing is loaded for it where it cannot. */
async function keepCompiledCode(): Promise<void> {
  const { enableCompileCache: enable } = process.getBuiltinModule('node:module') as {
    enableCompileCache?: (folder: string) => unknown
  }
  if (enable) (await import('./cli/compile-cache.ts')).keepCompiledCode(enable, process.env)
}

/** Pipes are written to behind our back: what a slow reader has not taken yet would be lost. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}

let isAnswerLost = false
let isReaderGone = false

/**
 * Who reads us has had enough (`| head`): no reason for a word, and no failure. A disk that is full is one. What runs is ended as by
 * Ctrl-C.
 */
function leave({ code }: NodeJS.ErrnoException): void {
  if (code === 'EPIPE') isReaderGone = true
  if (code !== 'EPIPE' && !isAnswerLost) {
    isAnswerLost = true
    process.stderr.write(`tunnels: the answer could not be written (${code})\n`)
  }
  if (!process.emit('SIGINT', 'SIGINT')) process.exit(isAnswerLost ? 1 : 0)
}

// The rules of the house that a program can check; each message says what to do instead. What the folders
// are for is ARCHITECTURE.md; here is only who may know whom.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Which part of src/ may import from which others. A part is a folder, or a single file, without its `.ts`. */
const MAY_IMPORT: Record<string, string[]> = {
  model: [],
  // Whoever opens a file that is not ours goes through it: a second way in is a second way to hang.
  files: [],
  // Names are looked up in one place: Node's own look-ups wait for each other.
  names: [],
  forward: ['model', 'names', 'files/make-folder'],
  health: ['model', 'forward', 'ssh/process-group', 'ssh/printable'],
  plan: ['model'],
  config: ['model', 'files', 'forward/allow-from', 'forward/allow-to', 'resolve/select'],
  ssh: ['model', 'files', 'names', 'forward/carrier', 'forward/stop'],
  resolve: ['model', 'files', 'config'],
  reconcile: ['model', 'plan', 'forward', 'health'],
  control: ['model', 'plan', 'files/make-folder'],
  view: ['model', 'plan', 'control/protocol'],
  supervisor: [
    'model',
    'files',
    'plan',
    'forward',
    'config',
    'ssh',
    'resolve',
    'reconcile',
    'control',
    'view',
  ],
  export: ['model', 'config'],
  import: ['model', 'config', 'resolve'],
  doctor: ['model', 'ssh', 'forward'],
  demo: ['model', 'plan', 'config', 'control', 'view', 'supervisor'],
  dashboard: ['model', 'plan', 'control', 'view'],
  // It runs in a browser: what it takes from elsewhere is types, and words that know no Node.
  'dashboard-page': ['model', 'dashboard/news', 'view/quantity', 'view/printable'],
  cli: [
    'model',
    'files',
    'plan',
    'config',
    'control',
    'view',
    'supervisor',
    'demo',
    'doctor',
    'dashboard',
    'export',
    'forward/proc-sockets',
    'import',
    'resolve/select',
    'resolve/ssh-config-hosts',
  ],
  main: ['model', 'cli', 'view'],
  library: ['model', 'plan', 'config', 'control', 'supervisor'],
  index: ['model', 'config', 'control', 'library'],
}

/** Who may import a package: one part, so that it can be replaced in one place. The demo's SSH server is ssh2's, too. */
const MAY_IMPORT_PACKAGE: Record<string, string[]> = {
  ssh2: ['ssh', 'demo'],
  yaml: ['config'],
  'ipaddr.js': ['forward'],
  chokidar: ['supervisor'],
  listr2: ['view'],
  commander: ['cli'],
  pino: ['supervisor'],
  plist: ['export'],
  'prom-client': ['control'],
  '@noble/hashes': ['control'],
  preact: ['dashboard-page'],
  uplot: ['dashboard-page'],
}

const sources = filesIn('src').filter(
  (file) => /\.tsx?$/.test(file) && !file.startsWith('src/config/generated/'),
)
const texts = ['src', 'test', 'scripts', 'bench', 'examples', 'docs', 'schema', '.ci', ''].flatMap(
  (folder) => (folder === '' ? filesBeside() : filesIn(folder)),
)

test('folders import in one direction', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((name) => name.startsWith('src/'))
      .filter((name) => partOf(name) !== partOf(file) && !isAllowed(MAY_IMPORT[partOf(file)] ?? [], name))
      .map((name) => `${file} imports ${name}: move what it needs to where both may look, or pass it in`),
  )
  expect(wrong).toEqual([])
})

test('a third-party package has one importer', () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((name) => !name.startsWith('src/') && !name.startsWith('node:') && !name.endsWith('.json'))
      .filter((name) => !(MAY_IMPORT_PACKAGE[packageOf(name)] ?? []).includes(partOf(file)))
      .map(
        (name) =>
          `${file} imports ${name}: go through the part that owns it, or add it to MAY_IMPORT_PACKAGE`,
      ),
  )
  expect(wrong).toEqual([])
})

// A circle of types alone is erased; one that is there when the program runs decides what is defined first.
test('no import goes round in a circle', () => {
  expect(circles()).toEqual([])
})

test('a file that is not ours is opened in one way, which waits for nobody', () => {
  // Those that look at what the system itself keeps.
  const ofProc = ['src/config/privileged-port.ts', 'src/ssh/delivered.ts', 'src/supervisor/writers.ts']
  const readers = sources.filter(
    (file) => /^src\/(config|ssh|resolve|supervisor)\//.test(file) && !ofProc.includes(file),
  )
  const opens =
    /import \{[^}]*\b(open|openSync|readFile|readFileSync|createReadStream|appendFile)\b[^}]*\} from 'node:fs/
  expect(
    readers.filter((file) => opens.test(read(file))),
    'use readBounded or openWithoutWaiting of src/files/bounded-read.ts',
  ).toEqual([])
})

test('names are looked up in one place', () => {
  const others = sources.filter((file) => !file.startsWith('src/names/'))
  const remedy = "use lookUp of src/names/look-up.ts: Node's own look-ups wait for each other"
  expect(linesWith(/from 'node:dns/, others, remedy)).toEqual([])
})

test('what ssh2 does not publish is touched in one place', () => {
  const others = sources.filter((file) => !file.startsWith('src/ssh/internals/'))
  const hidden = /ssh2\/lib|\._(protocol|chanMgr|callbacks|handlers|kex|cipher|decipher|queue|sock)\b/
  const remedy = 'put it into src/ssh/internals/, behind a look at its shape and with a fallback'
  expect(linesWith(hidden, others, remedy)).toEqual([])
})

test('a limit in time is kept by who needs it', () => {
  const readers = sources.filter((file) => /AbortSignal\.any\([^)]*AbortSignal\.timeout/.test(read(file)))
  expect(
    readers,
    'Node 20 forgets a timeout that only AbortSignal.any holds: use withDeadline of src/model/deadline.ts',
  ).toEqual([])
})

test('nothing is left for later', () => {
  const words = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'not implemen' + 'ted'].join('|'))
  expect(linesWith(words, texts, 'do it now, or open an issue')).toEqual([])
})

test('nothing names the machine that it was written on', () => {
  const machine = new RegExp(
    [
      '/wo' + 'rk/',
      '/home/(?!me\\b|you\\b)\\w',
      '/Us' + 'ers/(?!me\\b|you\\b)\\w',
      '://[^/\\s]*(registry|artifactory|nexus)\\b',
    ].join('|'),
  )
  expect(linesWith(machine, texts, 'use ~, a relative path, or a name from example.com')).toEqual([])
})

test('names say what is inside', () => {
  const vague = /(^|\/)(utils?|helpers?|managers?|common|types)(\/|\.tsx?$)/
  expect(sources.filter((file) => vague.test(file))).toEqual([])
  const spelling = /^[a-z0-9-]+(\.test)?\.(tsx?|mjs|d\.ts)$/
  const code = [...sources, ...filesIn('test')].filter((file) => /\.tsx?$/.test(file))
  expect(code.filter((file) => !spelling.test(file.slice(file.lastIndexOf('/') + 1)))).toEqual([])
})

test('there are no barrels: import from the file that has it', () => {
  const isBarrel = (file: string) => {
    const code = read(file).replace(/^\s*(\/\/|\/?\*).*$/gm, '')
    return (
      code.replace(/export\s+(type\s+)?(\*|\{[^}]*\})\s+from\s+'[^']+'/g, '').trim() === '' &&
      code.trim() !== ''
    )
  }
  expect(sources.filter((file) => file !== 'src/index.ts' && isBarrel(file))).toEqual([])
})

test('a file opens with what it is for', () => {
  const opens = (file: string) => /^(#!.*\n)?(\/\/ \S|\/\*\*)/.test(read(file))
  expect(sources.filter((file) => !opens(file))).toEqual([])
})

test('only src/main.ts ends the process', () => {
  const others = sources.filter((file) => file !== 'src/main.ts')
  expect(linesWith(/process\.exit\(/, others, 'return an exit code, or throw a ProblemError')).toEqual([])
})

test('versions are exact, and the lock file names no place to fetch from', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json'))
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([, version]) => !/^\d/.test(String(version)),
  )
  expect(loose, 'npm install --save-exact').toEqual([])
  expect(
    linesWith(/"resolved":/, ['package-lock.json'], 'npm install --omit-lockfile-registry-resolved'),
  ).toEqual([])
})

test('the lock file knows the packages of every platform, so that `npm ci` works on each', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>
  }
  const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
  const lacking = wanted.filter(
    (name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)),
  )
  expect(
    lacking,
    'bring these entries back from the last commit: npm dropped what this machine cannot use',
  ).toEqual([])
})

function isAllowed(allowed: string[], name: string): boolean {
  return allowed.some((part) => part === partOf(name) || `src/${part}.ts` === name)
}

/** `src/ssh/auth.ts` → ssh, `src/main.ts` → main. */
function partOf(file: string): string {
  return file.split('/')[1]!.replace(/\.tsx?$/, '')
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')
}

const STATIC =
  /^(?:import|export)\s+(?:type\s+)?(?:[\w*]+(?:\s+as\s+\w+)?,?\s*)?(?:\{[^}]*\}\s*)?from\s+'([^']+)'/gm
const OTHER = /^import\s+'([^']+)'|\bimport\(\s*'([^']+)'/gm

/** What a file imports, types and dynamic imports included: paths from the root for our own, else as written. */
function importsOf(file: string, withTypes = true): string[] {
  const all = [...read(file).matchAll(STATIC), ...read(file).matchAll(OTHER)]
  const found = withTypes ? all : all.filter(([text]) => !/^(import|export) type\b/.test(text))
  const names = found.map((match) => (match[1] ?? match[2])!)
  return names.map((name) => (name.startsWith('.') ? normalize(join(dirname(file), name)) : name))
}

function circles(): string[] {
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, trail: string[]): void => {
    if (trail.includes(file)) found.push([...trail.slice(trail.indexOf(file)), file].join(' → '))
    if (done.has(file) || trail.includes(file)) return
    for (const next of importsOf(file, false)) if (sources.includes(next)) visit(next, [...trail, file])
    done.add(file)
  }
  for (const file of sources) visit(file, [])
  return found
}

function linesWith(pattern: RegExp, files: string[], remedy: string): string[] {
  return files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}: ${remedy}`] : [],
      ),
  )
}

const contents = new Map<string, string>()

function read(file: string): string {
  if (!contents.has(file)) contents.set(file, readFileSync(join(root, file), 'utf8'))
  return contents.get(file)!
}

function filesIn(folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

function filesBeside(): string[] {
  const entries = readdirSync(root, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && !/\.tgz$|^package-lock|^\.git$/.test(entry.name))
    .map((entry) => entry.name)
}

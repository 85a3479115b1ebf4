// @ts-check
// Makes dist/: two entries (the binary, the library) and the chunks that a verb loads only when it needs them,
// the page of the dashboard, the declarations and the manual pages. Everything is built aside and moved in file by file,
// so that two builds at once, or a build while the binary runs, never show half a result.

import { execFile } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { rolldown } from 'rolldown'
import { renderManPages } from './man.mjs'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
const aside = join(root, `dist.${process.pid}.tmp`)

/**
 * For sh its second line is a command, for node a string and a comment. Behind `--` node looks for none of its own options:
 * it takes `--env-file` wherever it stands, and would set NODE_OPTIONS from a file that is ours to read. Process 1 of a
 * container has to wait for whoever is left behind there, which node cannot and sh does by itself: so sh stays, and passes
 * on the signals that only process 1 gets. What is typed on a terminal both get.
 */
const SECOND_LINE = [
  '\':\' //; if [ $$ = 1 ]; then node -- "$0" "$@" <&0 & trap "kill -TERM $!" TERM; trap "kill -HUP $!" HUP',
  '[ -t 0 ] && trap : INT || trap "kill -INT $!" INT',
  'while wait $!; code=$?; kill -0 $! 2> /dev/null; do :; done; exit $code; fi',
  'exec node -- "$0" "$@"',
].join('; ')

try {
  await run(process.execPath, ['scripts/generate.mjs'], { cwd: root })
  const [inputs, pageInputs] = await Promise.all([bundle(), bundlePage(), declarations(), manual()])
  writeFileSync(join(aside, 'THIRD-PARTY-LICENSES.txt'), licensesOf([...inputs, ...pageInputs]))
  publish()
} catch (error) {
  const { stdout = '', message = String(error) } = /** @type {any} */ (error)
  process.stderr.write(`build failed: ${message}\n${stdout}`)
  process.exitCode = 1
} finally {
  rmSync(aside, { recursive: true, force: true })
}

/**
 * What package.json names as a dependency stays outside; whatever else src/ imports becomes part of the bundle: a third
 * of the time that a command takes was spent on finding and reading hundreds of small files. What `tunnels status` needs
 * lies in one file, as each one more costs it half a millisecond.
 */
async function bundle() {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const bundled = await rolldown({
    cwd: root,
    input: { main: 'src/main.ts', index: 'src/index.ts' },
    platform: 'node',
    transform: { target: 'node20.19' },
    external: Object.keys(dependencies).map((name) => new RegExp(`^${name}(/|$)`)),
    plugins: [withoutChildren()],
  })
  const first = ['src/cli/command-line.ts', 'src/cli/status.ts'].map((file) => join(root, file))
  /** @type {Set<string> | undefined} */
  let needed
  const { output } = await bundled.write({
    dir: aside,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    sourcemap: true,
    sourcemapExcludeSources: true,
    codeSplitting: {
      groups: [
        {
          debugName: 'status',
          name: (id, context) => {
            needed ??= importedBy(first, (each) => context.getModuleInfo(each))
            return needed.has(id) ? 'status' : null
          },
        },
      ],
    },
  })
  await bundled.close()
  makeExecutable(join(aside, 'main.js'))
  const modules = output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))
  return modules.filter(isAbsolute).map((path) => relative(root, path))
}

/**
 * commander starts programs for commands that are programs of their own. We have none, and to load what starts them takes
 * 5 ms.
 * @returns {import('rolldown').Plugin}
 */
function withoutChildren() {
  const nothing = '\0no-children'
  return {
    name: 'without-children',
    resolveId: (id, importer) =>
      id === 'node:child_process' && importer?.includes('/commander/') ? nothing : null,
    load: (id) => (id === nothing ? 'export default {}' : null),
  }
}

/**
 * What these files need to begin with, themselves included.
 * @param {string[]} files
 * @param {(id: string) => import('rolldown').ModuleInfo | null} infoOf
 */
function importedBy(files, infoOf) {
  /** @type {Set<string>} */
  const found = new Set()
  const visit = (/** @type {string} */ id) => {
    const info = infoOf(id)
    if (!info || found.has(id)) return
    found.add(id)
    info.importedIds.forEach(visit)
  }
  files.forEach(visit)
  return found
}

/** The page of `tunnels dashboard`, for browsers of the last years: src/dashboard/page.ts puts its parts together. */
async function bundlePage() {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/dashboard-page/main.tsx', 'src/dashboard-page/again.ts'],
    outdir: join(aside, 'dashboard'),
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: ['chrome111', 'firefox113', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    charset: 'utf8',
    legalComments: 'none',
    metafile: true,
    logLevel: 'silent',
  })
  return Object.keys(metafile.inputs)
}

/**
 * Of every package that became part of the bundle; one without a license file is not taken.
 * @param {string[]} inputs
 */
function licensesOf(inputs) {
  const folders = inputs.flatMap(
    (input) => /^node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(input) ?? [],
  )
  const texts = [...new Set(folders)].sort().map((folder) => {
    const file = readdirSync(join(root, folder)).find((name) => /^(licen[cs]e|copying)(\.|-|$)/i.test(name))
    if (!file) throw new Error(`${folder} has no license file`)
    const { name, version } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    return `${name} ${version}\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`
  })
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}

/** @param {string} file */
function makeExecutable(file) {
  const text = readFileSync(file, 'utf8')
  if (!text.startsWith('#!')) writeFileSync(file, `#!/usr/bin/env sh\n${SECOND_LINE}\n${text}`)
  chmodSync(file, 0o755)
}

async function declarations() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', join(aside, 'types')]
  await run(process.execPath, args, { cwd: root })
}

async function manual() {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  mkdirSync(join(aside, 'man'), { recursive: true })
  for (const [name, text] of await renderManPages(version)) writeFileSync(join(aside, 'man', name), text)
}

/**
 * Chunks before the entries that name them; a file with the same content is left alone. Old files stay for an hour, for
 * the supervisors that run from them and load a chunk later; with `--clean`, for the package, they go at once.
 */
function publish() {
  const made = filesIn(aside).sort((a, b) => Number(isEntry(a)) - Number(isEntry(b)))
  for (const name of made) {
    const target = join(dist, name)
    if (hasSameContent(join(aside, name), target)) continue
    mkdirSync(dirname(target), { recursive: true })
    renameSync(join(aside, name), target)
  }
  for (const name of filesIn(dist)) {
    if (!made.includes(name) && isOld(join(dist, name))) rmSync(join(dist, name), { force: true })
  }
}

/** @param {string} file */
function isOld(file) {
  return process.argv.includes('--clean') || Date.now() - statSync(file).mtimeMs > 3_600_000
}

/** @param {string} name */
function isEntry(name) {
  return name === 'main.js' || name === 'index.js'
}

/**
 * Relative paths of all files beneath a folder.
 * @param {string} folder
 */
function filesIn(folder) {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
}

/**
 * @param {string} a
 * @param {string} b
 */
function hasSameContent(a, b) {
  return existsSync(b) && readFileSync(a).equals(readFileSync(b))
}

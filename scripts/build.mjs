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
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { renderManPages } from './man.mjs'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
const aside = join(root, `dist.${process.pid}.tmp`)

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
 * of the time that a command takes was spent on finding and reading hundreds of small files.
 */
async function bundle() {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/main.ts', 'src/index.ts'],
    outdir: aside,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: Object.keys(dependencies).flatMap((name) => [name, `${name}/*`]),
    chunkNames: 'chunks/[name]-[hash]',
    // CommonJS packages ask for Node's own modules so.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    metafile: true,
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'silent',
  })
  makeExecutable(join(aside, 'main.js'))
  return Object.keys(metafile.inputs)
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

/**
 * For sh its second line is a command, for node a string and a comment. Behind `--` node looks for none of its own options:
 * it takes `--env-file` wherever it stands, and would set NODE_OPTIONS from a file that is ours to read.
 * @param {string} file
 */
function makeExecutable(file) {
  const text = readFileSync(file, 'utf8')
  if (!text.startsWith('#!'))
    writeFileSync(file, `#!/usr/bin/env sh\n':' //; exec node -- "$0" "$@"\n${text}`)
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

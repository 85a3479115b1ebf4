// @ts-check
// A file of 1,000 forwards over 20 hosts, each time in a process of its own: how long load and plan take, and how
// long a whole `tunnels plan`. Prints medians of 7; no SSH server is asked.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7)
const root = fileURLToPath(new URL('..', import.meta.url))
const hosts = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`host${n}`, `deploy@10.0.0.${n + 1}`]))

// Inside the checkout, where Node finds the packages that the measured code imports.
const folder = mkdtempSync(join(root, 'node_modules/.tunnels-bench-'))
try {
  const once = await bundleOnce()
  const rows = [
    { name: 'long form', file: writeProject('long', longForm) },
    { name: 'short form', file: writeProject('short', shortForm) },
  ].map(({ name, file }) => ({
    name,
    cold: times(() => Number(run(once, file))),
    whole: times(() => clock(() => run(join(root, 'dist/main.js'), '-f', file, 'plan', '--json'))),
  }))
  print(rows)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** From the beginning of the load to the end of the plan, in milliseconds; what Node takes to start is left out. */
async function bundleOnce() {
  const outfile = join(folder, 'once.mjs')
  const contents = `
    import { loadProject } from './src/config/load.ts'
    import { planFirst } from './src/supervisor/plan-first.ts'
    const files = [process.argv[2]]
    const selection = { files, envFile: null, profiles: [], names: null, stopped: [], environment: {}, projectName: null }
    const start = performance.now()
    const read = await loadProject({ files, env: {}, cwd: '/', profiles: [], names: null })
    const { changes } = await planFirst(read, selection)
    const took = performance.now() - start
    if (changes.length !== 1020) throw new Error(\`a plan of \${changes.length} changes\`)
    process.stdout.write(String(took))`
  await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    logLevel: 'error',
  })
  return outfile
}

/**
 * @param {string} name
 * @param {(n: number) => unknown} forward
 */
function writeProject(name, forward) {
  const forwards = Object.entries(Array.from({ length: 1000 }, (_, n) => forward(n)))
  const lines = forwards.map(([n, value]) => `  f${n}:${value}\n`)
  const file = join(folder, name, 'tunnels.yaml')
  mkdirSync(join(folder, name))
  const declared = Object.entries(hosts).map(([host, destination]) => `  ${host}: ${destination}\n`)
  writeFileSync(file, `hosts:\n${declared.join('')}forwards:\n${lines.join('')}`, { mode: 0o600 })
  return file
}

/** @param {number} n */
function longForm(n) {
  return `\n    via: host${n % 20}\n    local: ${10_000 + n}\n    to: 127.0.0.1:${5000 + n}\n    drain: 10m`
}

/** @param {number} n */
function shortForm(n) {
  return ` -L ${10_000 + n}:127.0.0.1:${5000 + n} host${n % 20}`
}

/** @param {string[]} args */
function run(...args) {
  const folders = { TUNNELS_RUNTIME_DIR: join(folder, 'run'), TUNNELS_STATE_DIR: join(folder, 'state') }
  return execFileSync(process.execPath, args, {
    env: { ...process.env, ...folders },
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
}

/** @param {() => unknown} body */
function clock(body) {
  const start = performance.now()
  body()
  return performance.now() - start
}

/** @param {() => number} measure */
function times(measure) {
  return Array.from({ length: ROUNDS }, measure).sort((a, b) => a - b)
}

/** @param {{ name: string, cold: number[], whole: number[] }[]} rows */
function print(rows) {
  const format = (/** @type {number[]} */ sorted) => {
    const [least, median, most] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)]
    return `${median?.toFixed(0)} (${least?.toFixed(0)}–${most?.toFixed(0)})`
  }
  const lines = rows.map(({ name, cold, whole }) => `| ${name} | ${format(cold)} | ${format(whole)} |`)
  const head = [
    '| 1,000 forwards, 20 hosts | load + plan, ms | `tunnels plan`, ms |',
    '| --- | ---: | ---: |',
  ]
  const machine = `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}`
  process.stdout.write(
    `${[...head, ...lines].join('\n')}\n\nMedians of ${ROUNDS} cold processes (least–most); ${machine}.\n`,
  )
}

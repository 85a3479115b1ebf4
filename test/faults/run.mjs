// `npm run faults`: every fault of docs/reliability.md, done to us, to `ssh` and to `autossh` in one run, as a table.
// Each row is a process of its own, with root in namespaces of its own: whatever a row makes ends with it, also when
// this process is killed.

import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { hasAutossh } from './contenders.mjs'
import { writeSection } from './reliability.mjs'
import { rows } from './rows.mjs'

const ROW = fileURLToPath(new URL('./row.mjs', import.meta.url))
const UNSHARE = ['-n', '-p', '-m', '-f', '--kill-child', '--mount-proc']
/** Rows of minutes are left out by --quick. */
const QUICK_SECONDS = 40

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    loopback: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '6' },
  },
})
const loadBefore = loadavg()[0]
const network = !values.loopback && canUnshare()
const children = new Set()
/** Theirs, so that what one leaves that was killed goes with this process. */
const folder = mkdtempSync(join(tmpdir(), 'tunnels-faults-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const child of children) child.kill('SIGTERM')
    process.exitCode = 130
  })
}

const wanted = Object.keys(rows).filter((name) => !values.only || values.only.includes(name))
const unknown = (values.only ?? []).filter((name) => !Object.hasOwn(rows, name))
if (unknown.length > 0) throw new Error(`No such row: ${unknown}. There are: ${Object.keys(rows).join(', ')}`)
const leftOut = wanted.filter((name) => reasonToLeaveOut(rows[name]))
const results = await inParallel(wanted.filter((name) => !leftOut.includes(name)))
const table = format(results)
process.stdout.write(`\n${table}\n`)
if (values.write) writeSection('faults', table)
if (results.some(({ ok }) => !ok)) process.exitCode ||= 1

function canUnshare() {
  const tools = ['nft', 'ip', 'tc', 'ss', 'nsenter'].every((tool) => spawnSync('which', [tool]).status === 0)
  return tools && spawnSync('unshare', [...UNSHARE, 'true']).status === 0
}

function reasonToLeaveOut(row) {
  if (row.needs === 'network' && !network) return 'needs root, namespaces and nft'
  return values.quick && row.seconds > QUICK_SECONDS ? '--quick' : null
}

/** Long ones first, so that none is alone at the end. */
async function inParallel(names) {
  const queue = names.toSorted((one, other) => rows[other].seconds - rows[one].seconds)
  const found = new Map()
  const work = async () => {
    for (let name = queue.shift(); name && process.exitCode !== 130; name = queue.shift()) {
      found.set(name, await runRow(name))
      const { ok, cells, error } = found.get(name)
      process.stderr.write(`${ok ? 'ok  ' : 'FAIL'} ${name}: ${cells?.tunnels?.text ?? error}\n`)
    }
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, work))
  return names.filter((name) => found.has(name)).map((name) => found.get(name))
}

function runRow(name) {
  const row = [process.execPath, ROW, name, ...(network ? ['--network'] : [])]
  const isolated = ['setpriv', '--pdeathsig', 'KILL', 'unshare', ...UNSHARE, ...row]
  const [command, ...args] = network ? isolated : row
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: folder },
  })
  children.add(child)
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  return new Promise((resolve) => {
    child.once('close', () => {
      children.delete(child)
      const line = said.trim().split('\n').at(-1)
      resolve(
        line?.startsWith('{') ? JSON.parse(line) : { name, ok: false, cells: {}, error: 'it ended early' },
      )
    })
  })
}

function format(found) {
  const cell = (result, who) =>
    result.cells?.[who]?.text ?? (who === 'tunnels' ? result.error?.split('\n')[0] : 'not installed')
  const lines = found.map((result) => {
    const { title, limit } = rows[result.name]
    return `| ${title} | ${limit} | ${result.ok ? '' : '**missed:** '}${cell(result, 'tunnels')} | ${cell(result, 'ssh')} | ${cell(result, 'autossh')} |`
  })
  const others = found.filter((result) => result.others === true).length
  const notes = [
    `Keepalive 5 s × 3 unless said, connect_timeout 10 s. In ${others} of ${found.length} rows nine other forwards streamed through another host meanwhile and lost nothing.`,
    ...(leftOut.length > 0
      ? [`Left out: ${leftOut.map((name) => `${name} (${reasonToLeaveOut(rows[name])})`).join(', ')}.`]
      : []),
    ...(hasAutossh() ? [] : ['autossh is not installed (Debian: `apt-get install autossh`).']),
    network ? 'Each row in network namespaces of its own.' : 'On loopback.',
    `Load average ${loadBefore.toFixed(1)} before, ${loadavg()[0].toFixed(1)} after.`,
  ]
  const head = [
    '| fault | to be shown | `tunnels` | `ssh` | `autossh -M 0` |',
    '| --- | --- | --- | --- | --- |',
  ]
  return `${[...head, ...lines].join('\n')}\n\n${notes.join(' ')}`
}

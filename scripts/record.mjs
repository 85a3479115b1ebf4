// @ts-check
// Records the session that README shows: real commands of the built binary against a real sshd of this machine, and what
// they print, as an SVG. Run it after what they print has changed: `npm run build && node scripts/record.mjs`.

import { exec } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import anser from 'anser'
import { startSshd } from '../bench/sshd.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const COLUMNS = 88

const FILE = `name: shop
hosts:
  bastion: { hostname: bastion.example.com }
forwards:
  web: -L 8080:localhost:3000 bastion
  postgres: { via: bastion, local: 9000, to: localhost:5432 }
  browse: -D 8123 bastion
`

/** What is typed. */
const SESSION = [
  'cat tunnels.yaml',
  'tunnels up -d',
  'curl -s localhost:8080',
  "sed -i 's/local: 9000/local: 9001/' tunnels.yaml   # saving is enough",
  'tunnels status',
  'tunnels down',
]

const folder = mkdtempSync(join(tmpdir(), 'tunnels-record-'))
const web = createServer((_, response) => response.end('hello from behind the bastion\n'))
try {
  await new Promise((resolve) => web.listen(3000, '127.0.0.1', () => resolve(null)))
  writeFileSync(join(root, 'docs/session.svg'), formatSvg(await record()))
} finally {
  web.close()
  rmSync(folder, { recursive: true, force: true })
}

/** @returns {Promise<string[]>} lines, with colours as a terminal has them */
async function record() {
  const [project, home, keys] = ['shop', '.home/.ssh', '.keys'].map((name) => join(folder, name))
  for (const path of [project, home, keys]) mkdirSync(String(path), { recursive: true, mode: 0o700 })
  const sshd = await startSshd(String(keys))
  const settings = [
    'HostName 127.0.0.1',
    `Port ${sshd.port}`,
    `IdentityFile ${sshd.identityFile}`,
    `UserKnownHostsFile ${sshd.knownHostsFile}`,
    'HostKeyAlias bench',
  ]
  writeFileSync(join(String(home), 'config'), `Host *\n  ${settings.join('\n  ')}\n`, { mode: 0o600 })
  writeFileSync(join(String(project), 'tunnels.yaml'), FILE)
  try {
    const lines = []
    for (const typed of SESSION) {
      lines.push(`\x1b[32m$\x1b[0m ${typed}`, ...(await run(typed, String(project))), '')
      // Who types takes his time; here it is the file's watcher.
      await delay(1_500)
    }
    return lines.slice(0, -1)
  } finally {
    await run('tunnels down', String(project))
    sshd.stop()
  }
}

/**
 * @param {string} typed
 * @param {string} cwd
 */
async function run(typed, cwd) {
  const binary = `node ${join(root, 'dist/main.js')}`
  const env = {
    PATH: process.env.PATH,
    HOME: join(folder, '.home'),
    TUNNELS_RUNTIME_DIR: join(folder, '.run'),
    TUNNELS_STATE_DIR: join(folder, '.state'),
    FORCE_COLOR: '1',
    COLUMNS: String(COLUMNS),
  }
  const command = `${typed.replace(/^tunnels/, binary)} 2>&1`
  const { stdout } = await promisify(exec)(command, { cwd, env, timeout: 30_000 })
  const text = stdout.replaceAll(`${folder}/`, '~/').trimEnd()
  return text === '' ? [] : text.split('\n')
}

/** @param {string[]} lines */
function formatSvg(lines) {
  const [size, height, margin] = [13, 18, 16]
  const width = Math.ceil(COLUMNS * size * 0.602) + 2 * margin
  const texts = lines.map((line, at) => {
    const spans = anser
      .ansiToJson(line, { use_classes: true, remove_empty: true })
      .map(({ content, fg, decorations }) => {
        const classes = [fg, ...decorations].filter(Boolean).join(' ')
        const text = escapeXml(content)
        return classes ? `<tspan class="${classes}">${text}</tspan>` : text
      })
    return `<text x="${margin}" y="${40 + margin + at * height}">${spans.join('')}</text>`
  })
  const total = 40 + 2 * margin + lines.length * height
  return `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" width="${width}" height="${total}" viewBox="0 0 ${width} ${total}" role="img" aria-label="A terminal: ${escapeXml(SESSION.join('; '))}">
<style>
  text { font: ${size}px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #d6deeb; }
  .ansi-green { fill: #7fdb8f } .ansi-red { fill: #ff7b72 } .ansi-yellow { fill: #e3b341 } .ansi-cyan { fill: #6ec6e6 } .dim { opacity: .6 } .bold { font-weight: 600 }
</style>
<rect width="${width}" height="${total}" rx="8" fill="#10161f"/>
<g fill="#3b4756"><circle cx="20" cy="20" r="5"/><circle cx="38" cy="20" r="5"/><circle cx="56" cy="20" r="5"/></g>
${texts.join('\n')}
</svg>
`
}

/** @param {string} text */
function escapeXml(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

// What README and docs show is run as it stands there, by the built binary against a real server: each YAML block is a
// file that is right, and each `tunnels …` line under one does what it says. Only names, users and ports are other ones.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { renderCommands } from '../../scripts/docs.mjs'
import { type CliProject, project, type RunningCli } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePorts } from '../helpers/ports.ts'
import { startHttp } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'

const root = join(import.meta.dirname, '../..')
const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
const pages = ['README.md', ...docs.map((name) => `docs/${name}`)]

interface Block {
  language: string
  text: string
}

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd({ config: ['GatewayPorts clientspecified'] })
})

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, language, block]) => ({
    language: language!,
    text: block!,
  }))
}

/** What is merged onto another file says little by itself. */
function isFile({ language, text }: Block): boolean {
  return language === 'yaml' && /^(hosts|forwards|defaults):/m.test(text) && !/^# .*\.override\./.test(text)
}

/** The same with this machine's server in the place of all others, and ports that are free. */
async function localise(blocks: Block[]): Promise<Block[]> {
  const numbers = new Set(blocks.flatMap(({ text }) => text.match(/(?<![\w.])[1-9]\d{3,4}(?![\w.])/g) ?? []))
  const free = await freePorts(numbers.size)
  const portOf = new Map([...numbers].map((number, at) => [number, String(free[at])]))
  portOf.set('2222', String(sshd.port))
  return blocks.map(({ language, text }) => ({
    language,
    text: text
      .replaceAll(/(?<![\w.])[1-9]\d{3,4}(?![\w.])/g, (number) => portOf.get(number)!)
      .replaceAll(/(?<![\w.*-])[a-z-]+\.example\.com|\b10\.0\.3\.7\b|\bzaiste\.net\b/g, '127.0.0.1')
      .replaceAll(/\b(deploy|you|ci|ann)(?=@)/g, sshd.user)
      .replaceAll(/user: (deploy|you|ci|ann)\b/g, `user: ${sshd.user}`)
      .replaceAll(/SHA256:[A-Za-z0-9+/]{43}/g, sshd.hostKeyFingerprint),
  }))
}

/** Everything else that ssh needs stands in the user's own configuration, as it would. */
function projectWith(file: string): CliProject {
  const cli = project({ 'tunnels.yaml': file })
  const settings = [
    `Port ${sshd.port}`,
    `IdentityFile ${sshd.identityFile}`,
    `UserKnownHostsFile ${sshd.knownHostsFile}`,
  ]
  mkdirSync(join(cli.env.HOME!, '.ssh'), { recursive: true, mode: 0o700 })
  cli.write('.home/.ssh/config', `Host *\n  ${settings.join('\n  ')}\n`)
  return cli
}

/** Whatever a target of this machine is, it is a web server. */
async function startTargets(blocks: Block[]): Promise<void> {
  const targets = blocks.flatMap(({ text }) => [...text.matchAll(/to: localhost:(\d{4,5})\b/g)])
  const ports = new Set(targets.map(([, port]) => Number(port)))
  await Promise.all([...ports].map((port) => startHttp(() => 'here', { port })))
}

/** `tunnels …` of a line, without its comment. */
function commandIn(line: string): string[] | null {
  const words = line
    .replace(/\s+#.*$/, '')
    .trim()
    .split(/\s+/)
  return words[0] === 'tunnels' && !/['"|<>$;&]/.test(line.replace(/\s+#.*$/, '')) ? words.slice(1) : null
}

async function runBlock(cli: CliProject, block: Block, page: string): Promise<void> {
  let foreground: RunningCli | null = null
  for (const line of block.text.split('\n')) {
    const words = commandIn(line)
    if (!words) continue
    if (words[0] === 'up' && !words.includes('-d')) {
      foreground = cli.start(words)
      await eventually(async () => (await cli.run(['status', '--check'])).code === 0)
      continue
    }
    const { code, stdout, stderr } = await cli.run(words)
    expect([page, line, code, code === 0 ? '' : stdout + stderr]).toEqual([page, line, 0, ''])
  }
  foreground?.signal('SIGINT')
  if (foreground) expect((await foreground.ended).code).toBe(130)
}

test.each(pages)('%s', async (page) => {
  const blocks = await localise(blocksOf(page))
  await startTargets(blocks)
  let cli: CliProject | null = null
  for (const block of blocks) {
    if (isFile(block)) {
      const isWhole = /^forwards:/m.test(block.text)
      const text = isWhole ? block.text : `${block.text}\nforwards: {}\n`
      const checked = await projectWith(text).run(['validate'])
      expect([page, block.text, checked.code, checked.stderr]).toEqual([
        page,
        block.text,
        0,
        expect.anything(),
      ])
      cli = isWhole ? projectWith(text) : null
    }
    if (block.language === 'sh' && cli) await runBlock(cli, block, page)
  }
})

test('docs/commands.md has the help of each command: else run `npm run build && node scripts/docs.mjs`', () => {
  const page = readFileSync(join(root, 'docs/commands.md'), 'utf8')
  expect(page).toBe(renderCommands(page))
  expect(page).toContain('### tunnels up')
})

// What docs/library.md shows, run as it stands there by somebody who has installed the package, against a real server.

import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { hostYaml } from '../helpers/cli.ts'
import { type TestFolder, testFolder } from '../helpers/folder.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(`${root}docs/library.md`, 'utf8')

let folder: TestFolder

beforeAll(async () => {
  folder = testFolder()
  const [server, echo] = [await startSshd(), await startEcho()]
  const forwards = {
    postgres: { via: 'acme', local: 'auto', to: echo.port },
    other: { via: 'acme', dynamic: 'auto' },
  }
  const file = `{ "hosts": { "acme": ${hostYaml(server)} }, "forwards": ${JSON.stringify(forwards)} }`
  folder.write('tunnels.yaml', file)
  folder.write('package.json', '{ "private": true, "type": "module" }\n')
  mkdirSync(folder.join('node_modules'))
  symlinkSync(root, folder.join('node_modules/tunnels'))
  symlinkSync(`${root}node_modules/vitest`, folder.join('node_modules/vitest'))
  for (const name of ['report.mjs', 'check.mjs', 'global-setup.ts']) folder.write(name, blockNamed(name))
})

/** The code block that begins with its file's name. */
function blockNamed(name: string): string {
  const block = [...page.matchAll(/```[a-z]+\n([\s\S]*?)```/g)].find(([, text]) =>
    text!.startsWith(`// ${name}\n`),
  )
  if (!block) throw new Error(`docs/library.md has no block that begins with // ${name}`)
  return block[1]!
}

async function node(...args: string[]): Promise<string> {
  const env = { ...process.env, HOME: folder.path, TUNNELS_STATE_DIR: folder.join('state') }
  return (await run(process.execPath, args, { cwd: folder.path, env })).stdout
}

test('the script finds its database, and ends when it has closed it', async () => {
  expect(await node('report.mjs')).toMatch(/^the database is at 127\.0\.0\.1:\d+\n$/)
})

test('the end of a block closes what it opened', async () => {
  const [, block] = /```ts\n(await using [\s\S]*?)```/.exec(page)!
  const typescript = `import { startTunnels } from 'tunnels'\n{\n${block}console.log(tunnels.address('postgres'))\n}\n`
  const { code } = await transform(typescript, { loader: 'ts', target: 'node20', format: 'esm' })
  folder.write('block.mjs', code)
  expect(await node('block.mjs')).toMatch(/port: \d+/)
})

test('a project is read without a connection', async () => {
  expect(await node('check.mjs')).toBe('postgres other\n')
})

test('a whole run of vitest has its tunnel by a global set-up', async () => {
  folder.write('vitest.config.mjs', "export default { test: { globalSetup: ['global-setup.ts'] } }\n")
  folder.write(
    'echo.test.ts',
    `import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, inject, test } from 'vitest'
test('a byte comes back through the tunnel', async () => {
  expect(await text(connect(inject('postgres')).end('through'))).toBe('through')
})
`,
  )
  expect(await node(`${root}node_modules/vitest/vitest.mjs`, 'run')).toMatch(/1 passed/)
})

// The package as somebody gets it: packed, installed into an empty folder, used from there.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { type TestFolder, testFolder } from '../helpers/folder.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string }

let folder: TestFolder
let tarball: string

beforeAll(async () => {
  folder = testFolder()
  await npm(root, 'pack', '--pack-destination', folder.path)
  tarball = folder.join(readdirSync(folder.path).find((name) => name.endsWith('.tgz'))!)
  folder.write('user/package.json', '{ "private": true, "type": "module" }\n')
  await npm(folder.join('user'), 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball)
}, 180_000)

test('the installed binary runs', async () => {
  expect((await tunnels('--version')).trim()).toContain(version)
  expect(JSON.parse(await tunnels('schema'))).toMatchObject({ properties: { forwards: {} } })
  folder.write('user/tunnels.yaml', 'forwards:\n  web: -L 8080:zaiste.net:80 acme\n')
  await tunnels('validate')
})

test('the installed binary does the main job', async () => {
  expect(await tunnels('demo', '--once')).toContain('Everything that the demo had opened is closed again')
})

test('node takes no option of ours for its own', async () => {
  const cwd = folder.join('user')
  folder.write('user/evil.cjs', "require('node:fs').writeFileSync('evil', '')\n")
  folder.write('user/evil.env', `NODE_OPTIONS=--require=${cwd}/evil.cjs\n`)
  await run('node_modules/.bin/tunnels', ['validate', '--env-file', 'evil.env'], { cwd })
  expect(readdirSync(cwd)).not.toContain('evil')
  await expect(
    run('node_modules/.bin/tunnels', ['validate', '--env-file', 'nosuch'], { cwd }),
  ).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('nosuch') })
})

test('what became part of it comes with its licenses', () => {
  const licenses = readFileSync(
    folder.join('user/node_modules/tunnels/dist/THIRD-PARTY-LICENSES.txt'),
    'utf8',
  )
  for (const name of ['yaml', 'chokidar', 'commander', 'pino', 'listr2'])
    expect(licenses).toContain(`${name} `)
})

test('its manual pages are what man(1) reads', async () => {
  const installed = folder.join('user/node_modules/tunnels')
  const { man } = JSON.parse(readFileSync(`${installed}/package.json`, 'utf8')) as { man: string[] }
  const titles = man.map((page) => readFileSync(`${installed}/${page}`, 'utf8').split('\n')[0])
  expect(titles).toEqual([
    expect.stringMatching(/^\.TH "TUNNELS" "1"/),
    expect.stringMatching(/^\.TH "TUNNELS\.YAML" "5"/),
  ])
})

test('npm ls is clean there', async () => {
  const { stdout } = await npm(folder.join('user'), 'ls', '--all')
  expect(stdout).not.toMatch(/invalid|missing|extraneous|deduped invalid/)
})

test('only what a user needs is inside', () => {
  const installed = folder.join('user/node_modules/tunnels')
  expect(readdirSync(installed).sort()).toEqual(
    expect.arrayContaining(['LICENSE', 'completion', 'dist', 'examples', 'schema']),
  )
  expect(readdirSync(installed)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^(src|test|scripts|bench)$/)]),
  )
})

test('the library can be imported, with its types', async () => {
  folder.write(
    'user/use.ts',
    "import * as tunnels from 'tunnels'\nexport const names: string[] = Object.keys(tunnels)\n",
  )
  const options = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022']
  const lenient = ['--skipLibCheck', 'false', '--types', 'node', '--typeRoots', `${root}node_modules/@types`]
  await run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, ...options, ...lenient, 'use.ts'], {
    cwd: folder.join('user'),
  })
  const { stdout } = await run(
    process.execPath,
    ['-e', "import('tunnels').then((all) => console.log(typeof all))"],
    {
      cwd: folder.join('user'),
    },
  )
  expect(stdout.trim()).toBe('object')
})

test('what finds packages reads it: publint and attw have nothing to say', async () => {
  const bin = `${root}node_modules/.bin`
  const { stdout } = await run(`${bin}/publint`, ['--strict', tarball])
  expect(stdout).toMatch(/All good/)
  await run(`${bin}/attw`, ['--profile', 'esm-only', tarball])
})

async function tunnels(...args: string[]): Promise<string> {
  const { stdout } = await run('npx', ['--no-install', 'tunnels', ...args], { cwd: folder.join('user') })
  return stdout
}

function npm(cwd: string, ...args: string[]): Promise<{ stdout: string }> {
  return run('npm', args, { cwd, maxBuffer: 64 << 20 })
}

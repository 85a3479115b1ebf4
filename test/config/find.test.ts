// Which files are the project's, in real folders.

import { chownSync, mkdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import { findFiles } from '../../src/config/find.ts'
import { type TestFolder, testFolder } from '../helpers/folder.ts'

interface Case {
  files?: string[]
  env?: Record<string, string>
  cwd?: string
}

const find = (folder: TestFolder, { files = [], env = {}, cwd = '.' }: Case = {}) =>
  findFiles({ files, env, cwd: folder.join(cwd) })

const found = async (folder: TestFolder, options?: Case) => {
  const { value, problems } = await find(folder, options)
  return {
    files: value?.files.map((file) => file.replace(`${folder.path}/`, '')) ?? null,
    codes: problems.map(({ code }) => code),
  }
}

test.each<[string, string[], string, string[]]>([
  ['tunnels.yaml here', ['tunnels.yaml'], '.', ['tunnels.yaml']],
  ['the other spelling', ['tunnels.yml'], '.', ['tunnels.yml']],
  ['in the nearest parent', ['tunnels.yaml', 'a/tunnels.yml', 'a/b/c/x'], 'a/b/c', ['a/tunnels.yml']],
  [
    'with its override',
    ['tunnels.yaml', 'tunnels.override.yml'],
    '.',
    ['tunnels.yaml', 'tunnels.override.yml'],
  ],
  [
    'with the override beside it',
    ['a/tunnels.yaml', 'a/tunnels.override.yaml', 'a/b/tunnels.override.yaml'],
    'a/b',
    ['a/tunnels.yaml', 'a/tunnels.override.yaml'],
  ],
])('%s', async (_, files, cwd, expected) => {
  const folder = testFolder()
  for (const file of files) folder.write(file, '')
  expect(await found(folder, { cwd })).toEqual({ files: expected, codes: [] })
})

test('-f wins over $TUNNELS_FILE, which wins over the search; neither brings an override', async () => {
  const folder = testFolder()
  for (const file of ['tunnels.yaml', 'tunnels.override.yaml', 'a.yaml', 'b.yaml']) folder.write(file, '')
  const env = { TUNNELS_FILE: `b.yaml::${folder.join('a.yaml')}` }
  expect((await found(folder, { env })).files).toEqual(['b.yaml', 'a.yaml'])
  expect((await found(folder, { env, files: ['tunnels.yaml', 'c/../a.yaml'] })).files).toEqual([
    'tunnels.yaml',
    'a.yaml',
  ])
  expect((await found(folder, { env: { TUNNELS_FILE: '' } })).files).toHaveLength(2)
})

test('named files need not be there: reading says so', async () => {
  const folder = testFolder()
  expect(await found(folder, { files: ['gone/x.yaml'] })).toEqual({ files: ['gone/x.yaml'], codes: [] })
})

test('standard input belongs to the working folder, and is there only once', async () => {
  const folder = testFolder()
  const { value } = await find(folder, { files: ['-', 'a.yaml'] })
  expect(value).toEqual({ files: ['-', folder.join('a.yaml')], folder: realpathSync(folder.path) })
  expect((await found(folder, { files: ['-', '-'] })).codes).toEqual(['USAGE'])
})

test('the folder is the real one, the file keeps its name', async () => {
  const folder = testFolder()
  const real = folder.write('real/shop.yaml', '')
  symlinkSync('real', folder.join('link'))
  symlinkSync(real, folder.join('real/tunnels.yaml'))
  const { value } = await find(folder, { cwd: 'link' })
  expect(value).toEqual({ files: [folder.join('link/tunnels.yaml')], folder: folder.join('real') })
})

test('both spellings in one folder are a conflict that names both', async () => {
  const folder = testFolder()
  for (const file of ['tunnels.yaml', 'tunnels.yml', 'tunnels.override.yaml', 'tunnels.override.yml']) {
    folder.write(file, '')
  }
  const { problems } = await find(folder)
  expect(problems.map(({ code, summary }) => `${code} ${summary}`)).toEqual([
    `CONFIG_CONFLICT There are both tunnels.yaml and tunnels.yml in ${folder.path}`,
    `CONFIG_CONFLICT There are both tunnels.override.yaml and tunnels.override.yml in ${folder.path}`,
  ])
})

test('nowhere a file: the problem says where it was looked for, and what to do', async () => {
  const folder = testFolder()
  const { value, problems } = await find(folder)
  expect(value).toBeNull()
  expect(problems).toMatchObject([
    { code: 'CONFIG_NOT_FOUND', summary: expect.stringContaining(folder.path) },
  ])
  expect(problems[0]!.hint).toContain('tunnels init')
})

test('a link that leads nowhere is found, so that reading it can say so', async () => {
  const folder = testFolder()
  symlinkSync('nowhere', folder.join('tunnels.yaml'))
  expect((await found(folder)).files).toEqual(['tunnels.yaml'])
})

test.runIf(process.getuid?.() === 0).each(['tunnels.yaml', 'tunnels.override.yaml'])(
  "another user's %s in a parent is not taken; in the working folder it is",
  async (name) => {
    const folder = testFolder()
    folder.write('tunnels.yaml', '')
    chownSync(folder.write(name, ''), 65534, 65534)
    mkdirSync(folder.join('below'))
    expect(await found(folder, { cwd: 'below' })).toEqual({ files: null, codes: ['CONFIG_UNREADABLE'] })
    expect((await found(folder)).codes).toEqual([])
    rmSync(folder.join('below'), { recursive: true })
  },
)

test.runIf(process.getuid?.() === 0)(
  "a link of one's own to a file of another user is not taken",
  async () => {
    const folder = testFolder()
    chownSync(folder.write('theirs', ''), 65534, 65534)
    symlinkSync('theirs', folder.join('tunnels.yaml'))
    mkdirSync(folder.join('below'))
    expect((await found(folder, { cwd: 'below' })).codes).toEqual(['CONFIG_UNREADABLE'])
  },
)

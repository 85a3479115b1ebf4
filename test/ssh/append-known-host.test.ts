import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { beforeEach, describe, expect, test } from 'vitest'
import { appendKnownHost } from '../../src/ssh/append-known-host.ts'
import { matchesHost, parseKnownHosts } from '../../src/ssh/known-hosts.ts'
import { type TestFolder, testFolder } from '../helpers/folder.ts'

const run = promisify(execFile)
const BASE64 = 'AAAAC3NzaC1lZDI1NTE5AAAAIFJn0Wq1p0kd1CwqX2fWb0dF2sO2zv2mP4nJ8i4m9X8e'
const key = Buffer.from(BASE64, 'base64')
const LINE = `acme ssh-ed25519 ${BASE64}\n`
const OTHER = `other ssh-ed25519 ${BASE64}`

let folder: TestFolder
beforeEach(() => {
  folder = testFolder()
})

function append(file: string, name = 'acme', hashed = false): Promise<string | null> {
  return appendKnownHost(file, { name, key, hashed })
}

const read = (file: string) => readFileSync(file, 'utf8')
const modeOf = (file: string) => statSync(file).mode & 0o777

describe('a new key is written down', () => {
  test('into a new file of its owner alone, in a new folder', async () => {
    const file = folder.join('home/.ssh/known_hosts')
    expect(await append(file)).toBe(null)
    expect(read(file)).toBe(LINE)
    expect([modeOf(file), modeOf(folder.join('home/.ssh'))]).toEqual([0o600, 0o700])
  })

  test('after a last line without an end, and after one with it', async () => {
    const unended = folder.write('unended', OTHER)
    const ended = folder.write('ended', `${OTHER}\n`)
    await Promise.all([append(unended), append(ended)])
    expect(read(unended)).toBe(`${OTHER}\n${LINE}`)
    expect(read(ended)).toBe(`${OTHER}\n${LINE}`)
  })

  test('behind a link, which stays one', async () => {
    const file = folder.write('real', `${OTHER}\n`)
    symlinkSync(file, folder.join('link'))
    expect(await append(folder.join('link'))).toBe(null)
    expect(read(file)).toBe(`${OTHER}\n${LINE}`)
  })

  test('behind a link to what is not there yet, which is made', async () => {
    mkdirSync(folder.join('there'))
    symlinkSync('there/known', folder.join('link'))
    expect(await append(folder.join('link'))).toBe(null)
    expect(read(folder.join('there/known'))).toBe(LINE)
  })

  test('hashed, so that nobody reads the name and it is found all the same', async () => {
    const file = folder.join('known_hosts')
    await append(file, '[acme]:2222', true)
    expect(read(file)).toMatch(/^\|1\|/)
    expect(read(file)).not.toContain('acme')
    expect(matchesHost('[acme]:2222', parseKnownHosts(read(file), file)[0]!.hosts)).toBe(true)
  })

  test('once, whoever asks for it at the same time', async () => {
    const file = folder.join('known_hosts')
    await Promise.all(Array.from({ length: 20 }, () => append(file)))
    expect(read(file)).toBe(LINE)
  })

  test('to /dev/null it is nothing, and no trouble', async () => {
    expect(await append('/dev/null')).toBe(null)
  })
})

test('many processes at once leave each line whole', async () => {
  const file = folder.write('known_hosts', OTHER)
  const source = fileURLToPath(new URL('../../src/ssh/append-known-host.ts', import.meta.url))
  const outfile = folder.join('append.mjs')
  await build({ entryPoints: [source], bundle: true, platform: 'node', format: 'esm', outfile })
  const program = `import { appendKnownHost } from './append.mjs'
const [file, writer, base64] = process.argv.slice(2)
const key = Buffer.from(base64, 'base64')
for (let i = 0; i < 25; i++) await appendKnownHost(file, { name: writer + '-' + i, key, hashed: false })`
  const writer = folder.write('writer.mjs', program)
  const names = Array.from({ length: 6 }, (_, index) => `writer-${index}`)
  await Promise.all(names.map((name) => run(process.execPath, [writer, file, name, BASE64])))
  const written = parseKnownHosts(read(file), file).map(({ hosts }) => hosts)
  const all = names.flatMap((name) => Array.from({ length: 25 }, (_, index) => `${name}-${index}`))
  expect(written.toSorted()).toEqual(['other', ...all].toSorted())
})

describe('nothing is written', () => {
  const untouched = async (file: string, content: string, name?: string) => {
    const why = await append(file, name)
    expect(read(file)).toBe(content)
    return why
  }

  test('into authorized_keys, by that name or behind a link to it', async () => {
    const file = folder.write('authorized_keys', '')
    symlinkSync(file, folder.join('known_hosts'))
    expect(await untouched(file, '')).toContain('who may log in')
    expect(await untouched(folder.join('known_hosts'), '')).toContain('who may log in')
    expect(await append(folder.join('authorized_keys2'))).toContain('who may log in')
  })

  test('through links into an authorized_keys that is not there yet', async () => {
    const file = folder.join('there/authorized_keys')
    mkdirSync(folder.join('there'))
    symlinkSync('there/authorized_keys', folder.join('second'))
    symlinkSync(folder.join('second'), folder.join('first'))
    for (const link of ['first', 'second']) {
      expect(await append(folder.join(link))).toContain('who may log in')
      expect(existsSync(file)).toBe(false)
    }
    symlinkSync(folder.join('there'), folder.join('away'))
    symlinkSync('../there/x', folder.join('there/known_hosts'))
    symlinkSync('authorized_keys', folder.join('there/x'))
    expect(await append(folder.join('away/known_hosts'))).toContain('who may log in')
    expect(existsSync(file)).toBe(false)
    symlinkSync('elsewhere', file)
    expect(await append(folder.join('first'))).toContain('who may log in')
    expect(existsSync(folder.join('there/elsewhere'))).toBe(false)
    symlinkSync(folder.join('round'), folder.join('round'))
    expect(await append(folder.join('round'))).toBe('ELOOP')
  })

  test.each([
    ['keys that may log in', `ssh-ed25519 ${BASE64} me\n`],
    ['keys that may log in, with options', `from="10.0.0.1",restrict ssh-ed25519 ${BASE64} me\n`],
    ['keys that may log in among known hosts', `${OTHER}\nssh-ed25519 ${BASE64} me\n`],
    ['a shell script', '#!/bin/sh\nif true then\nexec ssh there now\n'],
    ['a program', '\u007fELF\u0002\u0001\n\u0000\u0000'],
  ])('into a file that holds %s', async (_what, content) => {
    const file = folder.write('some_file', content)
    expect(await untouched(file, content)).not.toBe(null)
  })

  test.each(['*', 'a b', 'a,b', '!a', '@revoked', '#a', '|1|a|b', 'a\nb', 'restrict,pty', 'from="a"', ''])(
    'under a name that would mean something else: %j',
    async (name) => {
      const file = folder.write('known_hosts', `${OTHER}\n`)
      expect(await untouched(file, `${OTHER}\n`, name)).toContain('the name')
    },
  )

  test('where a folder, or nothing that can be made, is', async () => {
    mkdirSync(folder.join('folder'))
    folder.write('file', '')
    expect(await append(folder.join('folder'))).toContain('no file')
    expect(await append(folder.join('file/known_hosts'))).toBe('EEXIST')
  })
})

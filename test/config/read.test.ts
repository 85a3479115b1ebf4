// From bytes to text, or a sentence that says why not.

import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { readSource } from '../../src/config/read.ts'
import { testFolder } from '../helpers/folder.ts'

const KIB = 1024

async function readBytes(bytes: Buffer | string) {
  const path = testFolder().join('f.yaml')
  writeFileSync(path, bytes)
  const { value, problems } = await readSource(path)
  return {
    text: value?.text,
    problems: problems.map((one) => ({ ...one, summary: one.summary.replace(path, 'F') })),
  }
}

test.each<[string, Buffer | string, string]>([
  ['plain text', 'a: 1\n', 'a: 1\n'],
  ['nothing', '', ''],
  ['a byte order mark', '\ufeffa: 1', 'a: 1'],
  ['characters of four bytes', 'a: 𝒳é', 'a: 𝒳é'],
  ['exactly 256 KiB', 'x'.repeat(256 * KIB), 'x'.repeat(256 * KIB)],
])('%s is read', async (_, bytes, text) => {
  expect(await readBytes(bytes)).toEqual({ text, problems: [] })
})

test.each<[Buffer | string, object]>([
  [
    'a\nb\0c',
    { code: 'CONFIG_UNREADABLE', summary: expect.stringContaining('NUL'), at: { line: 2, column: 2 } },
  ],
  [
    Buffer.from('a\né: \xff\n', 'latin1'),
    { code: 'CONFIG_UNREADABLE', summary: expect.stringContaining('not UTF-8'), at: { line: 2, column: 1 } },
  ],
  [
    Buffer.concat([Buffer.from('𝒳é: '), Buffer.from([0xc3])]),
    { summary: expect.stringContaining('not UTF-8'), at: { line: 1, column: 5 } },
  ],
  [Buffer.from('\ufeffa: 1', 'utf16le'), { code: 'CONFIG_UNREADABLE', summary: 'F is UTF-16 text' }],
  [
    'x'.repeat(256 * KIB + 1),
    { code: 'CONFIG_UNREADABLE', summary: 'F is larger than 256 KiB and was not read' },
  ],
])('bytes that are no text are refused: %#', async (bytes, problem) => {
  const { text, problems } = await readBytes(bytes)
  expect(text).toBeUndefined()
  expect(problems).toMatchObject([problem])
})

test('what is no readable file says what it is', async () => {
  const folder = testFolder()
  mkdirSync(folder.join('d'))
  symlinkSync('loop', folder.join('loop'))
  symlinkSync('nowhere', folder.join('dangling'))
  folder.write('file', '')
  const told = async (name: string) =>
    (await readSource(folder.join(name))).problems.map((one) => one.summary)
  expect(await told('d')).toEqual([`${folder.join('d')} is a folder, not a file`])
  expect(await told('gone')).toEqual([`There is no file ${folder.join('gone')}`])
  expect(await told('file/below')).toEqual([`There is no file ${folder.join('file/below')}`])
  expect(await told('loop')).toEqual([`${folder.join('loop')} is a symbolic link that leads back to itself`])
  expect(await told('dangling')).toEqual([`There is no file ${folder.join('dangling')}`])
})

test('a device without end is read to its bound only', async () => {
  const { value, problems } = await readSource('/dev/zero')
  expect(value).toBeNull()
  expect(problems).toMatchObject([{ summary: '/dev/zero is larger than 256 KiB and was not read' }])
})

test('a pipe that a shell hands over (`-f <(generate)`) is read to its end', async () => {
  const path = testFolder().join('pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  const reading = readSource(`/dev/fd/${reader}`)
  writeSync(writer, 'a: 1')
  closeSync(writer)
  expect((await reading).value?.text).toBe('a: 1')
  closeSync(reader)
})

test('a named pipe is refused at once, before anybody writes to it', async () => {
  const pipe = testFolder().join('pipe')
  execFileSync('mkfifo', [pipe])
  const { value, problems } = await readSource(pipe)
  expect(value).toBeNull()
  expect(problems).toEqual([{ code: 'CONFIG_UNREADABLE', summary: `${pipe} is a named pipe, not a file` }])
})

test('standard input is read as it comes, and no further than the bound', async () => {
  const chunks = ['a: ', Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)]
  expect((await readSource('-', Readable.from(chunks))).value).toEqual({ path: '-', text: 'a: é' })

  let taken = 0
  const endless = async function* () {
    for (;;) {
      taken++
      yield Buffer.alloc(KIB, 'x')
    }
  }
  const { problems } = await readSource('-', endless())
  expect(problems).toMatchObject([{ summary: 'Standard input is larger than 256 KiB and was not read' }])
  expect(taken).toBe(257)
})

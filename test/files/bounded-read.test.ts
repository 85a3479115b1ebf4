// Whatever stands where a file should be is answered at once; nothing waits for who never writes.

import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, symlinkSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { readBounded } from '../../src/files/bounded-read.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { testFolder } from '../helpers/folder.ts'

function namedPipe(): string {
  const path = testFolder().join('pipe')
  execFileSync('mkfifo', [path])
  return path
}

test('a named pipe is refused at once, however often, also behind a link', async () => {
  const pipe = namedPipe()
  const link = testFolder().join('link')
  symlinkSync(pipe, link)
  // More than there are threads.
  const reads = await Promise.all([pipe, link, pipe, link, pipe, link].map((path) => readBounded(path, 10)))
  for (const read of reads) expect(read).toEqual({ kind: 'unreadable', why: 'is a named pipe, not a file' })
})

test('a pipe that was handed to us is read to its end, however long its writer takes', async () => {
  const path = namedPipe()
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  atEnd(() => closeSync(reader))
  const reading = readBounded(`/dev/fd/${reader}`, 100)
  writeSync(writer, 'a: ')
  // It has been asked, and had no more: nobody has written the rest.
  await readBounded('/dev/null', 1)
  writeSync(writer, '1')
  closeSync(writer)
  expect(await reading).toMatchObject({ kind: 'read', bytes: Buffer.from('a: 1'), isCut: false })
})

test('a socket, and a device with and without end', async () => {
  const folder = testFolder()
  const server = createServer().listen(folder.join('s'))
  atEnd(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  expect(await readBounded(folder.join('s'), 9)).toEqual({
    kind: 'unreadable',
    why: 'is a socket, not a file',
  })
  expect(await readBounded('/dev/null', 9)).toMatchObject({ kind: 'read', bytes: Buffer.alloc(0) })
  expect(await readBounded('/dev/zero', 9)).toMatchObject({ bytes: Buffer.alloc(9), isCut: true })
})

test('a file of exactly the bound is whole', async () => {
  const file = testFolder().write('f', '123456789')
  expect(await readBounded(file, 9)).toMatchObject({ bytes: Buffer.from('123456789'), isCut: false })
  expect(await readBounded(file, 8)).toMatchObject({ bytes: Buffer.from('12345678'), isCut: true })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, symlinkSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { lookAt, onlySmaller } from '../../src/supervisor/half-written.ts'
import { isOpenForWriting } from '../../src/supervisor/writers.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { testFolder } from '../helpers/folder.ts'

const isLinux = process.platform === 'linux'

describe.runIf(isLinux)('whoever has a file open for writing is found', () => {
  test.each(['w', 'a', 'r+'])('opened with %s, by whatever path, until it is closed', async (flags) => {
    const folder = testFolder()
    const file = folder.write('tunnels.yaml', 'a\n')
    symlinkSync(file, folder.join('link'))
    expect(await isOpenForWriting(file)).toBe(false)
    const handle = openSync(folder.join('link'), flags)
    expect(await isOpenForWriting(file)).toBe(true)
    expect(await isOpenForWriting(folder.join('link'))).toBe(true)
    closeSync(handle)
    expect(await isOpenForWriting(file)).toBe(false)
  })

  test('in another process', async () => {
    const file = testFolder().write('tunnels.yaml', 'a\n')
    const writer = spawn('sh', ['-c', 'exec 3>>"$1"; echo; read _', 'sh', file])
    atEnd(() => void writer.kill())
    await once(writer.stdout, 'data')
    expect(await isOpenForWriting(file)).toBe(true)
    writer.stdin.end()
    await once(writer, 'exit')
    expect(await isOpenForWriting(file)).toBe(false)
  })

  test('not who only reads it, nor who writes another', async () => {
    const folder = testFolder()
    const file = folder.write('tunnels.yaml', 'a\n')
    const handles = [openSync(file, 'r'), openSync(folder.join('tunnels.yaml.new'), 'w')]
    atEnd(() => handles.forEach(closeSync))
    expect(await isOpenForWriting(file)).toBe(false)
  })
})

test('of a file that is not there nobody can say', async () => {
  expect(await isOpenForWriting(testFolder().join('gone'))).toBeNull()
})

test('merely smaller is what has the end that it had, or a line feed', async () => {
  const folder = testFolder()
  const files = ['a', 'b', 'c'].map((name) => folder.write(name, 'whole\n'))
  const before = await lookAt(files)
  folder.write('a', 'cut\n')
  expect(onlySmaller(before, await lookAt(files))).toEqual([files[0]])
  folder.write('b', 'cu')
  expect(onlySmaller(before, await lookAt(files))).toBeNull()
  folder.write('b', '')
  expect(onlySmaller(before, await lookAt(files))).toBeNull()
})

import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lookAt, seemsHalfWritten } from '../../src/supervisor/half-written.ts'
import { entriesOf } from '../../src/supervisor/path-entries.ts'
import { watchFiles } from '../../src/supervisor/watch.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { isFull } from '../helpers/sample.ts'
import { contentOf, saves } from '../helpers/saves.ts'

/** Counts the pokes; `next` waits for one more than there were. */
async function watching(...files: string[]) {
  let pokes = 0
  const watch = await watchFiles(files, () => pokes++)
  atEnd(() => watch.stop())
  return async (change: () => void) => {
    const before = pokes
    change()
    await eventually(() => pokes > before)
  }
}

/** `link` leads to `target` from now on, without a moment in which it is not there. */
function point(link: string, target: string): void {
  symlinkSync(target, `${link}.new`)
  renameSync(`${link}.new`, link)
}

const times = isFull ? 20 : 2

describe(`of ${times} saves each, the last content is read when it is told`, () => {
  test.each(Object.entries(saves))('%s', async (_, { prepare, save }) => {
    const file = testFolder().write('tunnels.yaml', 'number: 0\n')
    prepare?.(file)
    let read = contentOf(file)
    const watch = await watchFiles([file], () => {
      read = contentOf(file)
    })
    atEnd(() => watch.stop())
    for (let number = 1; number <= times; number++) {
      const content = `number: ${number}\n${'# and more\n'.repeat(number % 3)}`
      await save(file, content)
      await eventually(() => expect(read).toBe(content))
    }
  })
})

test.runIf(process.platform === 'linux')(
  'what somebody has open is not told before it is done, however whole it looks',
  async () => {
    const file = testFolder().write('tunnels.yaml', 'forwards:\n  one: 1\n  two: 2\n')
    const told: (string | null)[] = []
    const watch = await watchFiles([file], () => told.push(contentOf(file)))
    atEnd(() => watch.stop())
    await saves['written in slow goes of whole lines']!.save(file, 'forwards:\n  one: 3\n')
    await eventually(() => expect(told).toEqual(['forwards:\n  one: 3\n']))
  },
)

describe('what no system tells is seen all the same', () => {
  test('a change before the watching began', async () => {
    const file = testFolder().write('tunnels.yaml', 'a\n')
    const seen = await lookAt([file])
    writeFileSync(file, 'b\n')
    const changes: string[][] = []
    const watch = await watchFiles([file], (changed) => changes.push(changed), { seen })
    atEnd(() => watch.stop())
    await eventually(() => expect(changes).toEqual([[file]]))
  })

  test('a folder above it that is swapped, and one that comes later', async () => {
    const folder = testFolder()
    folder.write('old/a/b/tunnels.yaml', 'a\n')
    renameSync(folder.join('old'), folder.join('app'))
    folder.write('new/a/b/tunnels.yaml', 'b\n')
    const [file, later] = [folder.join('app/a/b/tunnels.yaml'), folder.join('x/y/z/key')]
    const pokedBy = await watching(file, later)
    await pokedBy(() => {
      renameSync(folder.join('app'), folder.join('gone'))
      renameSync(folder.join('new'), folder.join('app'))
    })
    await pokedBy(() => folder.write('app/a/b/tunnels.yaml', 'c\n'))
    await pokedBy(() => folder.write('x/y/z/key', 'a\n'))
    await pokedBy(() => folder.write('x/y/z/key', 'b\n'))
  })
})

test('who writes all the time is not waited for without end, and what happens beside it is nothing', async () => {
  const folder = testFolder()
  const file = folder.write('tunnels.yaml', '')
  let read: string | null = null
  const watch = await watchFiles([file], () => {
    read = contentOf(file)
  })
  atEnd(() => watch.stop())
  const writing = setInterval(() => appendFileSync(file, 'more\n'), 30)
  atEnd(() => clearInterval(writing))
  await eventually(() => read)
  clearInterval(writing)
  await eventually(() => expect(read).toBe(contentOf(file)))
  const told: string[][] = []
  const other = await watchFiles([file], (changed) => told.push(changed))
  atEnd(() => other.stop())
  for (let number = 0; number < 50; number++) folder.write(`beside-${number}`, 'x')
  appendFileSync(file, 'last\n')
  await eventually(() => expect(told).toEqual([[file]]))
})

test('the way of a path through links is every entry that decides it', async () => {
  const folder = testFolder()
  folder.write('releases/1/etc/tunnels.yaml', 'a\n')
  symlinkSync('releases/1', folder.join('current'))
  symlinkSync(folder.join('current/etc/tunnels.yaml'), folder.join('tunnels.yaml'))
  expect(await entriesOf(folder.join('tunnels.yaml'))).toEqual([
    folder.join('tunnels.yaml'),
    folder.join('current'),
    folder.join('releases/1'),
    folder.join('releases/1/etc/tunnels.yaml'),
  ])
  expect(await entriesOf(folder.join('no/such/file'))).toEqual([folder.join('no')])
  symlinkSync('loop', folder.join('loop'))
  expect((await entriesOf(folder.join('loop/x'))).length).toBeLessThan(50)
})

test('nothing to watch is no reason to wait', async () => {
  const watched = await watchFiles([], () => {})
  expect(watched.files).toEqual([])
  await watched.stop()
})

describe('a change is seen', () => {
  test('of what is written, renamed over, deleted and made again', async () => {
    const folder = testFolder()
    const file = folder.write('tunnels.yaml', 'a\n')
    const pokedBy = await watching(file)
    await pokedBy(() => folder.write('tunnels.yaml', 'b\n'))
    await pokedBy(() => renameSync(folder.write('beside', 'c\n'), file))
    await pokedBy(() => rmSync(file))
    await pokedBy(() => folder.write('tunnels.yaml', 'd\n'))
  })

  test('of a file that was not there', async () => {
    const folder = testFolder()
    const pokedBy = await watching(folder.write('tunnels.yaml', 'a\n'), folder.join('.env'))
    await pokedBy(() => folder.write('.env', 'A=1\n'))
  })

  test('of the link that Kubernetes swaps, time after time', async () => {
    const folder = testFolder()
    folder.write('..1/tunnels.yaml', 'a\n')
    folder.write('..2/tunnels.yaml', 'b\n')
    symlinkSync('..1', folder.join('..data'))
    symlinkSync('..data/tunnels.yaml', folder.join('tunnels.yaml'))
    const pokedBy = await watching(folder.join('tunnels.yaml'))
    for (const target of ['..2', '..1', '..2', '..1'])
      await pokedBy(() => point(folder.join('..data'), target))
  })

  test('of what a link leads to, also when it leads elsewhere than at the start', async () => {
    const folder = testFolder()
    const targets = ['one', 'two'].map((name) => folder.write(`${name}/real.yaml`, 'a\n'))
    const link = folder.join('tunnels.yaml')
    symlinkSync(targets[0]!, link)
    const pokedBy = await watching(link)
    await pokedBy(() => writeFileSync(targets[0]!, 'b\n'))
    await pokedBy(() => point(link, targets[1]!))
    await pokedBy(() => writeFileSync(targets[1]!, 'c\n'))
  })

  test('in a folder that is reached through a link', async () => {
    const folder = testFolder()
    mkdirSync(folder.join('real'))
    symlinkSync('real', folder.join('linked'))
    const file = folder.write('linked/tunnels.yaml', 'a\n')
    const pokedBy = await watching(file)
    await pokedBy(() => writeFileSync(join(folder.path, 'real', 'tunnels.yaml'), 'b\n'))
  })
})

test('a file that is empty, smaller, ends in the middle of a line, or has just gone, is taken for half written', async () => {
  const folder = testFolder()
  const file = folder.write('tunnels.yaml', 'whole\n')
  const files = [file, folder.join('never-there'), folder.path]
  const whole = await lookAt(files)
  const isHalf = async () => seemsHalfWritten(whole, await lookAt(files))
  expect(await isHalf()).toBe(false)
  appendFileSync(file, 'half a li')
  expect(await isHalf()).toBe(true)
  appendFileSync(file, 'ne\n')
  expect(await isHalf()).toBe(false)
  writeFileSync(file, 'cut\n')
  expect(await isHalf()).toBe(true)
  writeFileSync(file, '')
  expect(await isHalf()).toBe(true)
  rmSync(file)
  expect(await isHalf()).toBe(true)
  folder.write('never-there', 'a\n')
  folder.write('tunnels.yaml', 'as long as it was\n')
  expect(await isHalf()).toBe(false)
})

test('who never ends a file with a line feed is not waited for', async () => {
  const file = testFolder().write('tunnels.yaml', 'a')
  const before = await lookAt([file])
  writeFileSync(file, 'a: b')
  expect(seemsHalfWritten(before, await lookAt([file]))).toBe(false)
})

import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createCompletionCheck } from '../../src/supervisor/half-written.ts'
import { watchFiles } from '../../src/supervisor/watch.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'

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

test('a file that is empty, ends in the middle of a line, or has just gone, is taken for half written', async () => {
  const folder = testFolder()
  const file = folder.write('tunnels.yaml', 'whole\n')
  const areComplete = createCompletionCheck([file, folder.join('never-there'), folder.path])
  expect(await areComplete()).toBe(true)
  appendFileSync(file, 'half a li')
  expect(await areComplete()).toBe(false)
  appendFileSync(file, 'ne\n')
  expect(await areComplete()).toBe(true)
  writeFileSync(file, '')
  expect(await areComplete()).toBe(false)
  rmSync(file)
  expect(await areComplete()).toBe(false)
  expect(await areComplete()).toBe(true)
})

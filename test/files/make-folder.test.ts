import { existsSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeFolder, makeFolderSync } from '../../src/files/make-folder.ts'
import { testFolder } from '../helpers/folder.ts'

const ways: [string, (path: string) => Promise<boolean>][] = [
  ['makeFolder', makeFolder],
  ['makeFolderSync', async (path) => makeFolderSync(path)],
]

test.each(ways)(
  '%s makes what is missing, for its owner alone, and takes what is there',
  async (_name, make) => {
    const folder = testFolder()
    const deep = folder.join('a/b/c')
    expect(await make(deep)).toBe(true)
    expect(statSync(folder.join('a')).mode & 0o777).toBe(0o700)
    expect(statSync(deep).mode & 0o777).toBe(0o700)
    expect(await make(deep)).toBe(false)
    symlinkSync('a', folder.join('link'))
    expect(await make(folder.join('link/d'))).toBe(true)
    expect(await make(folder.join('link'))).toBe(false)
    expect(
      (await Promise.all([1, 2, 3].map(() => make(folder.join('at/once'))))).filter(Boolean),
    ).toHaveLength(1)
  },
)

test.each(ways)('%s ends where it cannot be made, and says why', async (_name, make) => {
  const folder = testFolder()
  const file = folder.write('file', '')
  await expect(make(file)).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(make(join(file, 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  symlinkSync('nowhere', folder.join('dangling'))
  await expect(make(folder.join('dangling'))).rejects.toMatchObject({ code: 'ENOENT' })
  if (existsSync('/proc/self')) {
    await expect(make('/proc/x')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(make('/proc/x/y')).rejects.toMatchObject({ code: 'ENOENT' })
  }
})

// Where the control socket may be: in a folder that is ours, whatever leads to it.

import { chmodSync, chownSync, mkdirSync, symlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkRuntimeDir, openRuntimeDir, runtimeDirOf, stateHomeOf } from '../../src/control/paths.ts'
import { type ProblemError, problemOf } from '../../src/model/problem.ts'
import { testFolder } from '../helpers/folder.ts'

/** The path of a link to a folder like this. */
function linkTo({ mode, uid }: { mode: number; uid?: number }): string {
  const folder = testFolder()
  mkdirSync(folder.join('real'))
  chmodSync(folder.join('real'), mode)
  if (uid !== undefined) chownSync(folder.join('real'), uid, uid)
  symlinkSync('real', folder.join('link'))
  return folder.join('link')
}

const outcome = (path: string) =>
  openRuntimeDir({ TUNNELS_RUNTIME_DIR: path }).catch((error) => problemOf(error).summary)

test('a link of our own to a folder of our own is good', async () => {
  const path = linkTo({ mode: 0o700 })
  expect(await outcome(path)).toBe(path)
})

test.each([0o777, 0o770, 0o1777])('one to a folder that others can write to (%o) is not', async (mode) => {
  expect(await outcome(linkTo({ mode }))).toMatch(
    /cannot hold the control socket: other users can write to it/,
  )
})

test.runIf(process.getuid?.() === 0)('one to a folder of another user is not', async () => {
  expect(await outcome(linkTo({ mode: 0o700, uid: 65_534 }))).toMatch(/it belongs to another user/)
})

test('a link that leads to nothing, or to a file, is no folder', async () => {
  const folder = testFolder()
  symlinkSync('nothing', folder.join('dangling'))
  symlinkSync(folder.write('file', ''), folder.join('link'))
  for (const name of ['link', 'file']) expect(await outcome(folder.join(name))).toMatch(/it is not a folder/)
  expect(await outcome(folder.join('dangling'))).toMatch(/cannot be made/)
  await expect(checkRuntimeDir({ TUNNELS_RUNTIME_DIR: folder.join('dangling') })).rejects.toThrow(
    /it is not a folder/,
  )
  expect(await checkRuntimeDir({ TUNNELS_RUNTIME_DIR: folder.join('none') })).toBe(false)
})

test.each(['run', './run', '../run', '~/run'])(
  '%s, which means another folder in each, is refused',
  (path) => {
    const problem = (work: () => unknown) => {
      try {
        return work()
      } catch (error) {
        return (error as ProblemError).problems
      }
    }
    for (const [name, read] of [
      ['TUNNELS_RUNTIME_DIR', runtimeDirOf],
      ['TUNNELS_STATE_DIR', stateHomeOf],
    ] as const)
      expect(problem(() => read({ [name]: path }))).toMatchObject([
        { code: 'USAGE', summary: `${name} is ${path}, which is no absolute path` },
      ])
  },
)

test('relative XDG folders count as not set, as their specification says', () => {
  const env = { XDG_RUNTIME_DIR: 'run', XDG_STATE_HOME: './state', HOME: '/home/me' }
  expect(runtimeDirOf(env).shared).toBe(true)
  expect(stateHomeOf(env)).toBe('/home/me/.local/state/tunnels')
})

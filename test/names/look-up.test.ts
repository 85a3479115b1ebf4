// Names whose name server says nothing, beside others: nobody waits for somebody else's.

import { expect, test } from 'vitest'
import { withoutWaiting } from '../../src/names/look-up.ts'
import { type Found, type LookUp, lookUpAside } from '../../src/names/look-up-aside.ts'
import { eventually } from '../helpers/eventually.ts'
import { descendantsOf, isAlive, processesWith } from '../helpers/processes.ts'

const HOME: Found[] = [{ address: '127.0.0.1', family: 4 }]

/** Two at a time, as libuv: whoever asks for a name that is silent has it for good. */
function twoLanes(asked: string[]): LookUp {
  let free = 2
  return async (name) => {
    asked.push(name)
    await eventually(() => free > 0)
    free -= 1
    if (isSilent(name)) return new Promise(() => {})
    free += 1
    return HOME
  }
}

function roomy(asked: string[]): LookUp {
  return async (name) => {
    asked.push(name)
    return isSilent(name) ? new Promise(() => {}) : HOME
  }
}

const isSilent = (name: string) => name.startsWith('silent')

test('a name is found although the name servers of six others say nothing', async () => {
  const [here, aside] = [[] as string[], [] as string[]]
  const lookUp = withoutWaiting(twoLanes(here), roomy(aside))
  for (let count = 1; count <= 6; count += 1) void lookUp(`silent-${count}`, 0)
  expect(await lookUp('fine', 0)).toEqual(HOME)
  expect(here).toEqual(['silent-1', 'silent-2'])
  await eventually(() =>
    expect(aside.toSorted()).toEqual(['fine', 'silent-3', 'silent-4', 'silent-5', 'silent-6']),
  )
  // And the next one does not try whether it has become better.
  expect(await lookUp('other', 0)).toEqual(HOME)
  expect(here).toHaveLength(2)
})

test('names that are answered at once need no process aside, however many there are', async () => {
  const [here, aside] = [[] as string[], [] as string[]]
  const lookUp = withoutWaiting(twoLanes(here), roomy(aside))
  const names = Array.from({ length: 50 }, (_, index) => `fine-${index}`)
  const found = await Promise.all(names.map((name) => lookUp(name, 0)))
  expect(found.every((addresses) => addresses === HOME)).toBe(true)
  expect(aside).toEqual([])
})

test('who asks again for a name that hangs does not ask twice, and an address is not asked for', async () => {
  const [here, aside] = [[] as string[], [] as string[]]
  const lookUp = withoutWaiting(twoLanes(here), roomy(aside))
  const asked = [lookUp('silent', 0), lookUp('silent', 0), lookUp('silent', 4)]
  expect(asked[0]).toBe(asked[1])
  await lookUp('127.0.0.1', 0)
  expect(here).toEqual(['silent', 'silent', '127.0.0.1'])
  expect(aside).toEqual([])
})

test('a look-up aside says what the system says, also after somebody ended its process', async () => {
  expect(await lookUpAside('localhost', 4)).toEqual(HOME)
  await expect(lookUpAside('no blank may be in a name', 0)).rejects.toMatchObject({ code: 'ENOTFOUND' })
  const [pid] = helpers()
  process.kill(pid!, 'SIGKILL')
  await eventually(() => !isAlive(pid!))
  expect(await eventually(() => lookUpAside('localhost', 4).catch(() => null))).toEqual(HOME)
  expect(helpers()).not.toContain(pid)
})

/** That none outlives us, the end of the run looks at. */
function helpers(): number[] {
  const found = processesWith('answerQuestions').map(({ pid }) => pid)
  return descendantsOf(process.pid, 1).filter((pid) => found.includes(pid))
}

import { readFileSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { chooseAutoPorts } from '../../src/resolve/auto-ports.ts'
import { testFolder } from '../helpers/folder.ts'

test('a forward keeps its port, and two never share one', async () => {
  const file = testFolder().join('state/ports.json')
  const first = await chooseAutoPorts(file, ['a', 'b'])
  expect(new Set(first.values()).size).toBe(2)
  const second = await chooseAutoPorts(file, ['b', 'c'])
  expect(second.get('b')).toBe(first.get('b'))
  expect((await chooseAutoPorts(file, ['a', 'b', 'c'])).get('a')).toBe(first.get('a'))
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('of two who choose at once, as `plan` beside `up`, both get ports, and one is remembered', async () => {
  const file = testFolder().join('state/ports.json')
  const both = await Promise.all([chooseAutoPorts(file, ['a', 'b']), chooseAutoPorts(file, ['a', 'b'])])
  expect(both).toContainEqual(await chooseAutoPorts(file, ['a', 'b']))
})

test('a damaged file is chosen anew, not trusted', async () => {
  const folder = testFolder()
  const file = folder.write('ports.json', '{"a": 99999, "b": "22", "c": 8')
  const ports = await chooseAutoPorts(file, ['a', 'b'])
  expect([...ports.values()].every((port) => port > 0 && port < 65_536)).toBe(true)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(Object.fromEntries(ports))
})

test('no forward, no file', async () => {
  const file = testFolder().join('ports.json')
  expect(await chooseAutoPorts(file, [])).toEqual(new Map())
  expect(() => statSync(file)).toThrow()
})

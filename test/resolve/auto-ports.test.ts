import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { chooseAutoPorts } from '../../src/resolve/auto-ports.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { testFolder } from '../helpers/folder.ts'

const hosts = ['127.0.0.1']

async function choose(file: string, names: string[], kept: ReadonlySet<number> = new Set()) {
  return (
    await chooseAutoPorts(
      file,
      names.map((name) => ({ name, hosts, kept })),
    )
  ).ports
}

test('a forward keeps its port, and two never share one', async () => {
  const file = testFolder().join('state/ports.json')
  const first = await choose(file, ['a', 'b'])
  expect(new Set(first.values()).size).toBe(2)
  const second = await choose(file, ['b', 'c'])
  expect(second.get('b')).toBe(first.get('b'))
  expect((await choose(file, ['a', 'b', 'c'])).get('a')).toBe(first.get('a'))
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('of two who choose at once, as `plan` beside `up`, both get ports, and one is remembered', async () => {
  const file = testFolder().join('state/ports.json')
  const both = await Promise.all([choose(file, ['a', 'b']), choose(file, ['a', 'b'])])
  expect(both).toContainEqual(await choose(file, ['a', 'b']))
})

test('a damaged file is chosen anew, not trusted', async () => {
  const folder = testFolder()
  const file = folder.write('ports.json', '{"a": 99999, "b": "22", "c": 8')
  const ports = await choose(file, ['a', 'b'])
  expect([...ports.values()].every((port) => port > 0 && port < 65_536)).toBe(true)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(Object.fromEntries(ports))
})

test('no forward, no file', async () => {
  const file = testFolder().join('ports.json')
  expect(await choose(file, [])).toEqual(new Map())
  expect(() => statSync(file)).toThrow()
})

test('one that somebody else has by now is changed, and that is told; not under who listens already', async () => {
  const file = testFolder().join('ports.json')
  const first = await choose(file, ['a', 'b'])
  const port = first.get('a')!
  const squatter = createServer().listen(port, '127.0.0.1')
  atEnd(() => void squatter.close())
  await once(squatter, 'listening')
  expect((await choose(file, ['a', 'b'], new Set([port]))).get('a')).toBe(port)
  const { ports, moved } = await chooseAutoPorts(file, [
    { name: 'a', hosts, kept: new Set<number>() },
    { name: 'b', hosts, kept: new Set<number>() },
  ])
  expect(moved).toEqual([{ name: 'a', from: port, to: ports.get('a') }])
  expect(ports.get('b')).toBe(first.get('b'))
  expect((await choose(file, ['a'])).get('a')).toBe(ports.get('a'))
})

// Every example is a file that the built binary takes, and one that a test here brings up.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { project } from '../../helpers/cli.ts'
import { EXAMPLES } from '../../helpers/example.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const examples = readdirSync(EXAMPLES)
  .filter((name) => name.endsWith('.yaml'))
  .sort()
const root = fileURLToPath(new URL('../../../', import.meta.url))

test.each([...examples.map((name) => `examples/${name}`), 'tunnels.example.yaml'])(
  '%s is valid',
  async (file) => {
    const tunnels = project({ 'tunnels.yaml': readFileSync(join(root, file), 'utf8') })
    const { code, stderr } = await tunnels.run(['validate'])
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  },
)

test('every example is brought up by a test', () => {
  const tests = readdirSync(here).map((name) => readFileSync(join(here, name), 'utf8'))
  expect(examples.filter((name) => !tests.some((text) => text.includes(`example('${name}'`)))).toEqual([])
})

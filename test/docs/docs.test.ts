// The documentation says what the code says: keys, problem codes, what is not there yet, commands, links.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { renderConfiguration } from '../../scripts/docs.mjs'
import { loadProject } from '../../src/config/load.ts'
import { testFolder } from '../helpers/folder.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

test('docs/configuration.md has the keys of the schema: else run `node scripts/docs.mjs`', () => {
  const page = read('docs/configuration.md')
  expect(page).toBe(renderConfiguration(page, JSON.parse(read('schema/tunnels.schema.json'))))
  expect(page).toContain('| `healthcheck.interval` | Time between two checks, at least 100ms.')
})

test('docs/problems.md explains each problem code, and no other, in the order of the source', () => {
  const codes = [...read('src/model/problem.ts').matchAll(/^ {2}\| '([A-Z_]+)'$/gm)].map(([, code]) => code)
  const explained = [...read('docs/problems.md').matchAll(/^\| `([A-Z_]+)` \| \S/gm)].map(([, code]) => code)
  expect(codes.length).toBeGreaterThan(30)
  expect(explained).toEqual(codes)
})

test('docs/commands.md has every command and option of the binary, and no other', () => {
  const files = readdirSync(join(root, 'src/cli')).filter((name) => name.startsWith('verbs-'))
  const source = files.map((name) => read(`src/cli/${name}`)).join('\n')
  const verbs = [...source.matchAll(/add\(\s*'([a-z]+)[ ']/g)].map(([, verb]) => verb)
  const page = read('docs/commands.md')
  const described = [...page.matchAll(/^\| `tunnels ([a-z]+)/gm)].map(([, verb]) => verb)
  expect(verbs.length).toBeGreaterThan(8)
  expect([...new Set(described)].sort()).toEqual([...verbs].sort())
  const options = [...source.matchAll(/(--[a-z][a-z-]*)[ ',]/g)].map(([, option]) => option!)
  for (const option of new Set(options)) expect(page).toContain(option)
})

test('every tunnels.yaml that the pages show is right', async () => {
  const blocks = ['README.md', 'docs/configuration.md'].flatMap((page) =>
    [...read(page).matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml!),
  )
  const whole = blocks.filter((yaml) => yaml.includes('forwards:'))
  expect(whole.length).toBeGreaterThan(3)
  for (const yaml of whole) {
    const folder = testFolder()
    const files = [folder.write('tunnels.yaml', yaml)]
    const { problems } = await loadProject({ files, env: {}, cwd: folder.path, profiles: [], names: null })
    expect(problems, yaml).toEqual([])
  }
})

test('every link between the pages leads somewhere', () => {
  const pages = [
    'README.md',
    'CHANGELOG.md',
    ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  ]
  for (const page of pages.filter((name) => name.endsWith('.md'))) {
    for (const [, link] of read(page).matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [file, anchor] = link!.split('#')
      const target = file ? join(dirname(page), file) : page
      expect(existsSync(join(root, target)), `${page} links to ${link}`).toBe(true)
      if (anchor) expect(anchorsOf(read(target)), `${page} links to ${link}`).toContain(anchor)
    }
  }
})

function anchorsOf(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!)
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )
}

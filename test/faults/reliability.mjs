// Puts what was measured into docs/reliability.md, between the marks of its section.

import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'

const FILE = new URL('../../docs/reliability.md', import.meta.url)

export function writeSection(name, text) {
  const machine = `Node ${process.versions.node}, Linux ${release().split('-')[0]}, ${cpus().length} processors.`
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
  const page = readFileSync(FILE, 'utf8')
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/reliability.md has no ${begin} … ${end}`)
  writeFileSync(FILE, `${page.slice(0, from)}${begin}\n\n${text} ${machine}\n\n${page.slice(to)}`)
}

// @ts-check
// The pages of docs/ that say what the binary and its file are, as manual pages: written once, read in both ways.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { remark } from 'remark'
import remarkGfm from 'remark-gfm'
import remarkMan from 'remark-man'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Each page's file, beside what man(1) says at its top. */
const PAGES = [
  { from: 'docs/commands.md', name: 'tunnels', section: '1', description: 'SSH tunnels from a file' },
  {
    from: 'docs/configuration.md',
    name: 'tunnels.yaml',
    section: '5',
    description: 'the file that says which SSH tunnels there are',
  },
]

/**
 * File name to text.
 * @param {string} version
 * @returns {Promise<Map<string, string>>}
 */
export async function renderManPages(version) {
  const pages = PAGES.map(async ({ from, name, section, description }) => {
    const processor = remark()
      .use(remarkGfm)
      .use(() => asManual)
      .use(remarkMan, { name, section, description, manual: 'tunnels', version })
    const page = await processor.process(readFileSync(`${root}${from}`, 'utf8'))
    return /** @type {[string, string]} */ ([`${name}.${section}`, String(page)])
  })
  return new Map(await Promise.all(pages))
}

/** @typedef {{ type: string, children?: Node[], value?: string, depth?: number, url?: string, spread?: boolean, ordered?: boolean }} Node */

/**
 * The page's own title is the manual's name, links between pages lead nowhere in a terminal, and tables of whole sentences
 * fit in none: each row becomes an item.
 * @param {any} tree
 */
function asManual(tree) {
  tree.children = tree.children.filter(
    (/** @type {Node} */ node) => node.type !== 'heading' || node.depth !== 1,
  )
  rewrite(tree)
}

/** @param {Node} node */
function rewrite(node) {
  if (!node.children) return
  node.children = node.children.flatMap((child) => {
    rewrite(child)
    if (child.type === 'html') return []
    if (child.type === 'link' && !/^https?:/.test(child.url ?? '')) return child.children ?? []
    return child.type === 'table' ? [asList(child)] : [child]
  })
}

/**
 * @param {Node} table
 * @returns {Node}
 */
function asList(table) {
  const rows = (table.children ?? []).slice(1)
  return { type: 'list', ordered: false, spread: false, children: rows.map(asItem) }
}

/**
 * @param {Node} row
 * @returns {Node}
 */
function asItem(row) {
  const [term, ...rest] = row.children ?? []
  const text = rest.flatMap((cell) => [{ type: 'text', value: ': ' }, ...(cell.children ?? [])])
  const paragraph = { type: 'paragraph', children: [...(term?.children ?? []), ...text] }
  return { type: 'listItem', spread: false, children: [paragraph] }
}

// Writes the tables of docs/configuration.md from the schema, so that the page, an editor and the loader
// say the same. With --check it only says whether the page is up to date (exit 1 when it is not).

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const schemaFile = new URL('../schema/tunnels.schema.json', import.meta.url)
const pageFile = new URL('../docs/configuration.md', import.meta.url)

/** The page with each `<!-- keys of X -->` table made anew from `schema`. */
export function renderConfiguration(page, schema) {
  return page.replaceAll(/(<!-- keys of (.+?) -->\n)[\s\S]*?(<!-- end -->)/g, (_, begin, name, end) => {
    const owner = name === 'the file' ? schema : schema.definitions[name]
    return `${begin}\n${formatTable(owner)}\n${end}`
  })
}

function formatTable(owner) {
  const rows = rowsOf(owner, '').map(
    ({ key, meaning, examples }) => `| \`${key}\` | ${meaning} | ${examples} |`,
  )
  return ['| Key | Meaning | For example |', '| --- | --- | --- |', ...rows, ''].join('\n')
}

function rowsOf({ properties = {} }, prefix) {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const key = prefix + name
    const row = { key, meaning: escapeCell(schema.description), examples: formatExamples(schema) }
    const inner = Object.values(schema.properties ?? {}).some((each) => each.description && !each.then)
    return [row, ...(inner ? rowsOf(schema, `${key}.`) : [])]
  })
}

function formatExamples({ examples, properties }) {
  const shown = properties ? examples.slice(0, 1) : examples
  return shown.map((example) => `\`${escapeCell(formatYaml(example))}\``).join(' · ')
}

/** As a person would write it on one line of YAML. */
function formatYaml(value) {
  if (Array.isArray(value)) return `[${value.map(formatYaml).join(', ')}]`
  if (value !== null && typeof value === 'object') {
    const pairs = Object.entries(value).map(([key, each]) =>
      each === null ? `${key}:` : `${key}: ${formatYaml(each)}`,
    )
    return `{ ${pairs.join(', ')} }`
  }
  return isPlain(value) ? value : JSON.stringify(value)
}

/** Quotes are left out where YAML reads the same text without them. */
function isPlain(value) {
  return typeof value === 'string' && /^[\w./~][\w.@:/=+-]*$/.test(value) && !/^[\d.]+$/.test(value)
}

function escapeCell(text) {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = readFileSync(pageFile, 'utf8')
  const fresh = renderConfiguration(page, JSON.parse(readFileSync(schemaFile, 'utf8')))
  if (process.argv.includes('--check')) {
    process.exitCode = fresh === page ? 0 : 1
    if (fresh !== page) console.error('docs/configuration.md is not up to date: run `node scripts/docs.mjs`')
  } else writeFileSync(pageFile, fresh)
}

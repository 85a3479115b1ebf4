// Writes the tables of docs/configuration.md from the schema, and the help of each command in docs/commands.md from the
// built binary, so that page, editor, loader and help say the same.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const schemaFile = new URL('../schema/tunnels.schema.json', import.meta.url)
const pageFile = new URL('../docs/configuration.md', import.meta.url)
const commandsFile = new URL('../docs/commands.md', import.meta.url)
const binary = fileURLToPath(new URL('../dist/main.js', import.meta.url))

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

/** The page with the help of each command between its marks, as the built binary prints it. */
export function renderCommands(page) {
  const commands = [...helpOf([]).matchAll(/^ {2}([a-z]+)(?=[| ])/gm)].map(([, name]) => name)
  const blocks = commands
    .filter((name) => name !== 'help')
    .map((name) => `### tunnels ${name}\n\n\`\`\`text\n${helpOf([name]).trimEnd()}\n\`\`\`\n`)
  return page.replace(/(<!-- help -->\n)[\s\S]*?(<!-- end of help -->)/, (_, begin, end) => {
    return `${begin}\n${blocks.join('\n')}\n${end}`
  })
}

function helpOf(words) {
  const env = { PATH: process.env.PATH, NO_COLOR: '1' }
  return execFileSync(process.execPath, [binary, ...words, '--help'], { encoding: 'utf8', env })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = readFileSync(pageFile, 'utf8')
  writeFileSync(pageFile, renderConfiguration(page, JSON.parse(readFileSync(schemaFile, 'utf8'))))
  writeFileSync(commandsFile, renderCommands(readFileSync(commandsFile, 'utf8')))
}

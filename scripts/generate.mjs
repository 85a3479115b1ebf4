// Compiles schema/tunnels.schema.json into src/config/generated/validate-schema.js, so that no schema compiler
// is loaded, or even installed, where tunnels runs. Does nothing when the file made last is from the same schema.

import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'src/config/generated')
const schemaText = await readFile(join(root, 'schema/tunnels.schema.json'), 'utf8')
const stamp = `// ${await fingerprint()}\n`

if (!(await isUpToDate())) {
  await mkdir(folder, { recursive: true })
  await replaceFile(join(folder, 'validate-schema.d.ts'), stamp + declarations())
  await replaceFile(join(folder, 'validate-schema.js'), stamp + (await compile(JSON.parse(schemaText))))
}

async function fingerprint() {
  const { version } = createRequire(import.meta.url)('ajv/package.json')
  const self = await readFile(fileURLToPath(import.meta.url), 'utf8')
  return createHash('sha256').update(schemaText).update(self).update(version).digest('hex')
}

/** The .js is written last, so its stamp vouches for both. */
async function isUpToDate() {
  const current = await readFile(join(folder, 'validate-schema.js'), 'utf8').catch(() => '')
  return current.startsWith(stamp)
}

async function compile(schema) {
  const [{ default: Ajv }, { default: standaloneCode }, { build }] = await Promise.all([
    import('ajv'),
    import('ajv/dist/standalone/index.js'),
    import('esbuild'),
  ])
  const ajv = new Ajv.default({
    allErrors: true,
    messages: false,
    allowUnionTypes: true,
    code: { source: true, esm: true },
  })
  const code = standaloneCode.default(ajv, ajv.compile(schema))
  const keys = `export const schemaKeys = ${JSON.stringify(keysOfMaps(schema))}`
  const result = await build({
    stdin: { contents: `${code}\n${keys}`, resolveDir: root },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    write: false,
  })
  return result.outputFiles[0].text
}

/** The keys of each map that has a fixed set of them: what a misspelt key is compared with. */
function keysOfMaps(schema) {
  const keys = {}
  const visit = (name, node) => {
    if (!node.properties) return
    keys[name] = Object.keys(node.properties)
    for (const [key, child] of Object.entries(node.properties)) visit(name ? `${name}/${key}` : key, child)
  }
  visit('', schema)
  visit('host', schema.definitions.host)
  visit('forward', schema.definitions.forward)
  return keys
}

function declarations() {
  return `export interface SchemaError {
  instancePath: string
  schemaPath: string
  keyword: string
  params: Record<string, unknown>
}
export const validate: { (value: unknown): boolean; errors?: SchemaError[] | null }
export const schemaKeys: Readonly<Record<string, readonly string[]>>
`
}

/** Whole or not at all, also when two of these run at once. */
async function replaceFile(path, text) {
  const temporary = `${path}.${process.pid}`
  await writeFile(temporary, text)
  await rename(temporary, path)
}

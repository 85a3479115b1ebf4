// `tunnels init`: a first tunnels.yaml, with comments that show what can be in it. On a terminal it asks for one ssh command
// line to begin with; a file that is there is never touched.

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { addEntries } from '../config/add-entries.ts'
import { normalizeName } from '../config/project-name.ts'
import { type Draft, makeDraft, NOTHING_BESIDE } from '../import/draft.ts'
import { readSshCommand } from '../import/ssh-command.ts'
import { isError, ProblemError } from '../model/problem.ts'
import { formatJson } from '../view/json.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { canAsk } from './questions.ts'
import { readLine } from './read-line.ts'
import { replaceFile } from './replace-file.ts'
import { schemaFile } from './schema.ts'
import { showProblems } from './selection.ts'
import { tellDraft } from './tell-draft.ts'
import { loadWithText, writeProjectFile } from './write-project-file.ts'

export async function init(invocation: Invocation): Promise<number> {
  const { options, cwd, terminal } = invocation
  const path = newPath(invocation)
  const begin = canAsk(invocation) ? await askForBeginning(invocation) : null
  if (begin === 'interrupt') return EXIT.interrupt
  const schema = findSchema(dirname(path))
  const template = templateOf(normalizeName(basename(dirname(path))), schema.line)
  const text = begin ? addEntries(template, begin)! : template
  const file = { path, files: [path], text: '', hasMark: false, before: null }
  const { project, problems, sources } = await loadWithText(invocation, file, text, [])
  if (!project) {
    showProblems(invocation, problems.filter(isError), sources)
    return EXIT.usage
  }
  const written = await writeProjectFile(invocation, file, text, { was: null, is: project })
  if (written === 'changed') throw isThere(path)
  if (schema.copy !== null)
    await replaceFile(schema.copy, await readFile(schemaFile(invocation), 'utf8'), null)
  if (begin) tellDraft(invocation, begin)
  if (options.json) terminal.print(`${formatJson({ written: path, schema: schema.copy })}\n`)
  else tell(invocation, relative(cwd, path), schema.copy && relative(cwd, schema.copy))
  return EXIT.fine
}

/** The one that -f names, or tunnels.yaml here. Throws a ProblemError where there is one. */
function newPath({ options, cwd }: Invocation): string {
  if (options.files.length > 1 || options.files[0] === '-')
    throw new ProblemError({ code: 'USAGE', summary: '`init` writes one file: name it with one -f' })
  const path = resolve(cwd, options.files[0] ?? 'tunnels.yaml')
  const there = [path, ...(options.files.length === 0 ? [resolve(cwd, 'tunnels.yml')] : [])].find(existsSync)
  if (there) throw isThere(there)
  return path
}

function isThere(path: string): ProblemError {
  return new ProblemError({
    code: 'USAGE',
    summary: `${path} is there already, and stays as it is`,
    hint: 'tunnels import --write adds to it',
  })
}

const QUESTION = [
  'What would you type to open your first tunnel? It becomes the first line of the file.',
  'For example: ssh -L 8080:localhost:80 you@server.example.com',
]

/** Null: nothing to begin with. What is no ssh command line is asked for again. */
async function askForBeginning(invocation: Invocation): Promise<Draft | null | 'interrupt'> {
  for (;;) {
    const field = { above: QUESTION, text: 'ssh command (Enter: none): ', echo: true }
    const line = await readLine(field, new AbortController().signal)
    if (line === 'interrupt') return line
    if (line === 'end' || line.typed.trim() === '') return null
    try {
      return makeDraft([readSshCommand([line.typed])], NOTHING_BESIDE)
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      showProblems(invocation, error.problems)
    }
  }
}

interface SchemaPlace {
  /** What the file says of it. */
  line: string
  /** Where a copy is to be; null: there is one already. */
  copy: string | null
}

/** The one that was installed with the project, so that it is another one with another version; else one beside the file. */
function findSchema(folder: string): SchemaPlace {
  for (let at = folder; ; at = dirname(at)) {
    const installed = join(at, 'node_modules', 'tunnels', 'schema', 'tunnels.schema.json')
    if (existsSync(installed)) {
      const path = relative(folder, installed)
      return { line: path.startsWith('.') ? path : `./${path}`, copy: null }
    }
    if (at === dirname(at)) break
  }
  const copy = join(folder, 'tunnels.schema.json')
  return { line: './tunnels.schema.json', copy: existsSync(copy) ? null : copy }
}

function templateOf(name: string, schema: string): string {
  return `# yaml-language-server: $schema=${schema}
#
# SSH tunnels of this project. \`tunnels up\` opens them, each saved edit is applied at once, \`tunnels status\` says what is
# true. \`tunnels help\` lists the commands, \`tunnels schema\` the keys.

name: ${name}

# Hosts that ssh knows (~/.ssh/config, DNS) need no entry. Keys are those of ssh_config(5), in snake_case.
#
# hosts:
#   bastion: deploy@bastion.example.com:2222      # [user@]hostname[:port]
#   db-gateway:
#     hostname: 10.0.3.7
#     user: \${GW_USER:-deploy}                    # from the environment, or from .env beside this file
#     proxy_jump: bastion

forwards:
  # What you would type after ssh:
  # web: -L 8080:localhost:80 you@server.example.com
  #
  # The same in long form, with more to say: listen here on port 9000, reach localhost:5432 as seen from db-gateway.
  # postgres:
  #   via: db-gateway
  #   local: 9000
  #   to: localhost:5432
  #
  # A port of that machine that leads here (asked about before it is opened), and a SOCKS proxy here that leaves there:
  # webhook: -R 7000:localhost:3000 you@server.example.com
  # browse: -D 1080 you@server.example.com
`
}

function tell({ terminal }: Invocation, path: string, copy: string | null): void {
  const schema = copy === null ? '' : `, and ${copy} for editors that complete and check it`
  terminal.note(`Wrote ${path}${schema}. Edit it, then: tunnels up`)
}

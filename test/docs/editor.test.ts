// An editor with YAML support, as people have it: the language server of VS Code, Neovim and others, with our schema.

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node.js'
import { atEnd } from '../helpers/cleanup.ts'
import { testFolder } from '../helpers/folder.ts'

const root = join(import.meta.dirname, '../..')
const urlOf = (path: string) => pathToFileURL(join(root, path)).href
const [entry] = JSON.parse(readFileSync(join(root, 'schema/catalog.json'), 'utf8')).schemas

interface Diagnostic {
  message: string
  severity: number
  range: { start: { line: number; character: number } }
}

interface Completion {
  label: string
  documentation?: string | { value: string }
}

/** `at`: line and column, from 0. */
interface Editor {
  diagnose(uri: string, text: string): Promise<Diagnostic[]>
  complete(text: string, at: [number, number]): Promise<Map<string, string>>
  hover(text: string, at: [number, number]): Promise<string>
}

let editor: Editor

beforeAll(async () => {
  const folder = testFolder()
  const server = join(root, 'node_modules/yaml-language-server/bin/yaml-language-server')
  const child = spawn(process.execPath, [server, '--stdio'], { cwd: folder.path })
  atEnd(() => void child.kill())
  const connection = createMessageConnection(
    new StreamMessageReader(child.stdout),
    new StreamMessageWriter(child.stdin),
  )
  const settings: Record<string, unknown> = {
    // As SchemaStore's catalog would say it, with the schema of this folder and nothing from the network.
    yaml: {
      schemaStore: { enable: false },
      schemas: { [urlOf('schema/tunnels.schema.json')]: entry.fileMatch },
      completion: true,
      hover: true,
      validate: true,
    },
  }
  connection.onRequest('workspace/configuration', ({ items }: { items: { section: string }[] }) =>
    items.map(({ section }) => settings[section] ?? {}),
  )
  connection.onRequest('client/registerCapability', () => null)
  const waiting = new Map<string, (found: Diagnostic[]) => void>()
  connection.onNotification('textDocument/publishDiagnostics', ({ uri, diagnostics }) =>
    waiting.get(uri)?.(diagnostics),
  )
  connection.listen()
  await connection.sendRequest('initialize', {
    processId: process.pid,
    rootUri: pathToFileURL(folder.path).href,
    capabilities: {
      workspace: { configuration: true },
      textDocument: { hover: { contentFormat: ['markdown'] } },
    },
  })
  await connection.sendNotification('initialized', {})

  let count = 0
  const openAs = (uri: string, text: string) =>
    connection.sendNotification('textDocument/didOpen', {
      textDocument: { uri, languageId: 'yaml', version: 1, text },
    })
  const ask = async <T>(what: string, text: string, [line, character]: [number, number]): Promise<T> => {
    const uri = pathToFileURL(folder.join(`${++count}/tunnels.yaml`)).href
    await openAs(uri, text)
    return connection.sendRequest(`textDocument/${what}`, {
      textDocument: { uri },
      position: { line, character },
    })
  }
  editor = {
    diagnose: (uri, text) =>
      new Promise((resolve) => {
        waiting.set(uri, resolve)
        void openAs(uri, text)
      }),
    complete: async (text, at) => {
      const { items } = await ask<{ items: Completion[] }>('completion', text, at)
      const textOf = ({ documentation: text }: Completion) =>
        typeof text === 'string' ? text : (text?.value ?? '')
      return new Map(items.map((item) => [item.label, textOf(item)]))
    },
    hover: async (text, at) => JSON.stringify(await ask('hover', text, at)),
  }
})

test('every example is without a mark, by its first line and by its name', async () => {
  const files = [
    ...readdirSync(join(root, 'examples')).map((name) => `examples/${name}`),
    'tunnels.example.yaml',
  ]
  const yaml = files.filter((file) => /\.ya?ml$/.test(file))
  await Promise.all(
    yaml.map(async (file) => {
      const text = readFileSync(join(root, file), 'utf8')
      expect([file, await editor.diagnose(urlOf(file), text)]).toEqual([file, []])
      const named = pathToFileURL(join(testFolder().path, 'tunnels.yaml')).href
      const plain = text.replace(/^# yaml-language-server.*/, '#')
      expect([file, await editor.diagnose(named, plain)]).toEqual([file, []])
    }),
  )
})

test('keys are offered with what they mean, where they belong', async () => {
  const top = await editor.complete('', [0, 0])
  expect([...top.keys()]).toEqual(expect.arrayContaining(['name', 'defaults', 'hosts', 'forwards']))
  const host = await editor.complete('hosts:\n  acme:\n    \n', [2, 4])
  expect([...host.keys()]).toEqual(expect.arrayContaining(['hostname', 'proxy_jump', 'host_keys']))
  const forward = await editor.complete('forwards:\n  web:\n    \n', [2, 4])
  expect([...forward.keys()]).toEqual(expect.arrayContaining(['via', 'local', 'remote', 'dynamic', 'to']))
  for (const text of [...top.values(), ...host.values(), ...forward.values()]) expect(text).not.toBe('')
  const values = await editor.complete('hosts:\n  acme:\n    strict_host_key_checking: \n', [2, 30])
  expect([...values.keys()]).toEqual(expect.arrayContaining(['ask', 'accept-new', '"yes"', '"no"']))
})

test('a key explains itself', async () => {
  expect(await editor.hover('forwards:\n  web:\n    allow_from: [10.0.0.0/8]\n', [2, 6])).toMatch(/CIDR/)
})

test.each([
  ['an unknown key', 'forwards:\n  web: { vai: acme, local: 1, to: 2 }\n', 1],
  [
    'a value that cannot be',
    'forwards:\n  web:\n    via: acme\n    local: 1\n    to: 2\n    max_connections: many\n',
    5,
  ],
  ['a list in the place of a name', 'forwards:\n  web:\n    via: [a]\n    local: 1\n    to: 2\n', 2],
])('%s gets a mark at its line', async (_, text, line) => {
  const uri = pathToFileURL(join(testFolder().path, 'tunnels.yaml')).href
  const found = await editor.diagnose(uri, text)
  expect(found.length).toBeGreaterThan(0)
  expect(found[0]?.range.start.line).toBeGreaterThanOrEqual(line)
})

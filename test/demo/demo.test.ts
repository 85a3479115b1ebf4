// The whole story in this process, with the real supervisor: told to its end, interrupted anywhere, and with
// the file tampered with. Whatever happens, nothing is left.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { runDemo } from '../../src/demo/demo.ts'
import { type TestFolder, testFolder } from '../helpers/folder.ts'
import { canListen } from '../helpers/ports.ts'

let folder: TestFolder

beforeEach(() => {
  folder = testFolder()
  vi.stubEnv('TMPDIR', folder.path)
  vi.stubEnv('TUNNELS_RUNTIME_DIR', folder.join('run'))
  vi.stubEnv('TUNNELS_STATE_DIR', folder.join('state'))
  vi.stubEnv('HOME', folder.join('home'))
  return () => vi.unstubAllEnvs()
})

let text = ''
afterEach(() => {
  text = ''
})

/** Collects what the demo says; `react` is called with all of it each time something was added. */
function listen(react: (text: string) => void = () => {}): Writable {
  return new Writable({
    write: (chunk, _encoding, done) => {
      text += chunk
      react(text)
      done()
    },
  })
}

async function expectNothingLeft(): Promise<void> {
  expect(text).toContain('Everything that the demo had opened is closed again.')
  expect(readdirSync(folder.path).filter((name) => name !== 'run')).toEqual([])
  expect(readdirSync(folder.join('run'))).toEqual([])
  const ports = [...text.matchAll(/(?:127\.0\.0\.1:|local: |remote: |dynamic: )(\d{4,5})\b/g)]
  for (const [, port] of ports) expect(await canListen('127.0.0.1', Number(port))).toBe(true)
}

test('the story is told to its end, and nothing is left', async () => {
  expect(await runDemo({ once: true, out: listen(), color: false, version: '0' })).toBe(0)
  expect(text.match(/Hello from web\.demo/g)).toHaveLength(2)
  expect(text.match(/Hello from shop\.demo/g)).toHaveLength(2)
  expect(text).toContain('Hello from your own machine.')
  expect(text).toContain('~ forward web: to changed')
  expect(text).toContain('+ forward docs: declared in the file')
  expect(text).toMatch(/heard 1 to \d+ before the edit, and to \d+ since: none missing/)
  expect(text).not.toContain('\u001b')
  await expectNothingLeft()
})

test.each(['A far side', 'tunnels up', 'Something fetched', 'curl', 'is edited', 'tunnels status'])(
  'interrupted at "%s" it cleans up and says so with 130',
  async (moment) => {
    const interrupt = new AbortController()
    const out = listen((said) => {
      if (said.includes(moment)) interrupt.abort()
    })
    const code = await runDemo({ once: false, out, color: false, version: '0', signal: interrupt.signal })
    // With the story told, Ctrl-C is how it is meant to end.
    expect(code).toBe(moment === 'tunnels status' ? 0 : 130)
    await expectNothingLeft()
  },
)

test('an answer from the wrong service is seen, and is exit code 1', async () => {
  const out = listen(tamperWith((file) => file.replace('to: web.demo:80', 'to: shop.demo:80')))
  expect(await runDemo({ once: true, out, color: false, version: '0' })).toBe(1)
  expect(text).toContain('through the forward web gave a wrong answer')
  expect(text).toContain('It was: Hello from shop.demo')
  await expectNothingLeft()
})

test('a host key that is not the pinned one opens nothing, and is exit code 1', async () => {
  const wrongKey = `SHA256:${'A'.repeat(43)}`
  const out = listen(tamperWith((file) => file.replace(/SHA256:[^"]+/, wrongKey)))
  expect(await runDemo({ once: true, out, color: false, version: '0' })).toBe(1)
  expect(text).toContain(wrongKey)
  expect(text).not.toContain('Hello')
  await expectNothingLeft()
})

/** Changes the file in the moment in which the demo shows it, before anybody reads it. */
function tamperWith(change: (file: string) => string): (text: string) => void {
  let isDone = false
  return (said) => {
    const file = /as a file: (.*)\n/.exec(said)?.[1]
    if (!file || isDone) return
    isDone = true
    writeFileSync(file, change(readFileSync(file, 'utf8')))
  }
}

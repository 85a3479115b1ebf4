import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { HostStatus, State, Status } from '../../src/model/status.ts'
import { openProgress } from '../../src/view/progress.ts'
import { shownForward, shownHost, shownStatus, since } from './shown.ts'

function statusOf(host: State, forward: State, problem: HostStatus['problem'] = null): Status {
  return shownStatus({
    hosts: [shownHost('acme', { endpoint: 'me@acme:22', state: host, problem })],
    forwards: [
      shownForward('web', { listen: ['127.0.0.1:8080'], to: 'localhost:80', state: forward, problem }),
    ],
  })
}

function screen() {
  const stream = new PassThrough()
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const terminal = Object.assign(stream, { isTTY: true, columns: 120, rows: 40 })
  return { stream: terminal as unknown as NodeJS.WriteStream, text: () => text }
}

test('in a pipe: one line each, when its first attempt has come to something, without any code', async () => {
  const { stream, text } = screen()
  const progress = await openProgress(
    { stream, interactive: false, color: false },
    statusOf('opening', 'opening'),
  )
  expect(text()).toBe('')
  progress.update(statusOf('open', 'opening'))
  progress.update(statusOf('open', 'open'))
  progress.update(statusOf('open', 'open'))
  await progress.finish()
  expect(text()).toBe(
    'host acme (me@acme:22) open\nforward web (127.0.0.1:8080 → localhost:80 via acme) open\n',
  )
})

test('a failed attempt is said with its reason', async () => {
  const { stream, text } = screen()
  const problem = { code: 'HOST_UNREACHABLE', summary: 'acme cannot be reached' } as const
  const progress = await openProgress(
    { stream, interactive: false, color: false },
    statusOf('opening', 'opening'),
  )
  progress.update(statusOf('retrying', 'retrying', problem))
  await progress.finish()
  expect(text()).toContain('host acme (me@acme:22) retrying: acme cannot be reached\n')
})

test('on a terminal: a live line each, and the terminal is free again at the end', async () => {
  const { stream, text } = screen()
  const progress = await openProgress(
    { stream, interactive: true, color: false },
    statusOf('opening', 'opening'),
  )
  progress.update(statusOf('open', 'retrying', { code: 'PORT_IN_USE', summary: '8080 is taken' }))
  await progress.finish()
  progress.update(statusOf('open', 'open'))
  const shown = stripVTControlCharacters(text())
  expect(shown).toContain('host acme (me@acme:22) open')
  expect(shown).toContain('forward web (127.0.0.1:8080 → localhost:80 via acme) retrying: 8080 is taken')
  // The cursor that was hidden is shown again.
  expect(text().lastIndexOf('\x1b[?25h')).toBeGreaterThan(text().lastIndexOf('\x1b[?25l'))
})

test('what is still opening at the end does not hold it up', async () => {
  const { stream } = screen()
  const progress = await openProgress(
    { stream, interactive: true, color: false },
    statusOf('opening', 'opening'),
  )
  await expect(progress.finish()).resolves.toBeUndefined()
})

test('what waits for an answer has not come to anything yet', async () => {
  const { stream, text } = screen()
  const waiting = statusOf('waiting', 'waiting')
  waiting.hosts[0]!.prompt = { id: 'x', host: 'acme', kind: 'password', summary: 'a password', fields: [] }
  const progress = await openProgress({ stream, interactive: false, color: false }, waiting)
  expect(text()).toBe('')
  progress.update(statusOf('open', 'open'))
  expect(text()).toContain('host acme (me@acme:22) open\n')
  await progress.finish()
})

test('on a terminal: paused it leaves no line behind, and goes on with all of them', async () => {
  const { stream, text } = screen()
  const progress = await openProgress(
    { stream, interactive: true, color: false },
    statusOf('open', 'opening'),
  )
  await progress.pause()
  const before = text().length
  // The last it did was to clear its lines and to show the cursor.
  expect(stripVTControlCharacters(text().slice(text().lastIndexOf('\x1b[1A'))).trim()).toBe('')
  progress.update(statusOf('open', 'open'))
  expect(text().length).toBe(before)
  await progress.resume()
  await progress.finish()
  const after = stripVTControlCharacters(text().slice(before))
  expect(after).toContain('host acme (me@acme:22) open')
  expect(after).toContain('forward web (127.0.0.1:8080 → localhost:80 via acme) open')
})

test('a connection that is to take the place of another one is what is waited for', async () => {
  const { stream, text } = screen()
  const status = statusOf('open', 'open')
  const next = { endpoint: 'me@new:22', state: 'opening' as State, since }
  const withNext = (state: State, problem: HostStatus['problem'] = null): Status => {
    return { ...status, hosts: [{ ...status.hosts[0]!, problem, next: { ...next, state } }] }
  }
  const progress = await openProgress({ stream, interactive: false, color: false }, withNext('opening'))
  expect(text()).toBe('')
  progress.update(withNext('retrying', { code: 'HOST_UNREACHABLE', summary: 'new is down' }))
  await progress.finish()
  expect(text()).toContain('host acme (me@new:22) retrying: new is down\n')
  expect(text()).toContain('forward web (127.0.0.1:8080 → localhost:80 via acme) open\n')
})

// A line of the log as a person reads it.

import { expect, test } from 'vitest'
import type { Problem } from '../../src/model/problem.ts'
import { formatLogLine } from '../../src/view/log.ts'

const time = '2026-03-01T12:00:00.000Z'

function words(problems: Problem[]): string[] {
  const line = { level: 'info', time, event: 'config', state: 'current', problems } as const
  return formatLogLine(line, { color: false }).map((text) => text.replace(/^\S+ \S+ /, ''))
}

test('a file that was taken is said to be, and its warnings after it', () => {
  expect(words([])).toEqual(['the file was taken'])
  const warning = {
    code: 'CONFIG_WARNING',
    summary: 'The host spare is not used',
    severity: 'warning',
  } as const
  expect(words([warning])).toEqual(['the file was taken', 'warning: The host spare is not used'])
})

test('a new attempt is told without what the one before it has met', () => {
  const problem = { code: 'AUTH_NEEDS_PERSON', summary: 'The key is protected by a passphrase' } as const
  const line = { level: 'info', time, event: 'state', what: 'host', name: 'acme', problem } as const
  const said = (state: 'opening' | 'waiting') => formatLogLine({ ...line, state }, { color: false })[0]
  expect(said('waiting')).toMatch(/host acme: waiting: The key is protected by a passphrase$/)
  expect(said('opening')).toMatch(/host acme: opening$/)
})

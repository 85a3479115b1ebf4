// What openScreen writes to a terminal: the terminal itself would put what is too wide on top of its last column.

import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { openScreen } from '../../src/cli/screen.ts'

test('a line that is too wide is cut, and says so', () => {
  const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), { rows: 4, columns: 10 })
  const screen = openScreen(stream as unknown as NodeJS.WriteStream, () => {})
  screen.draw('fits\nconnection refused (nobody listens there)')
  screen.close()
  expect(stream.read()).toContain('\x1b[H\x1b[Kfits\n\x1b[Kconnectio…\x1b[J')
})

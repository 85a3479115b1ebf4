// Runs in front of every test file: what the file opened outside its tests is closed after the last of them.

import { afterAll, afterEach } from 'vitest'
import { endFile } from './cleanup.ts'

let failed = false

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail'
})

afterAll(() => endFile({ failed }), 60_000)

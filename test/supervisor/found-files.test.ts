// Files that were found by themselves: an override that goes, or comes, while they run is said, and not acted upon.

import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import type { Selection } from '../../src/control/protocol.ts'
import type { ProblemError } from '../../src/model/problem.ts'
import { loadWanted } from '../../src/supervisor/load-wanted.ts'
import { testFolder } from '../helpers/folder.ts'
import { selectionOf } from './selection-of.ts'

const yaml = 'forwards:\n  web: { via: me@127.0.0.1, local: 1, to: 80 }\n'

function found(files: string[], more: Partial<Selection> = {}): Selection {
  const environment = { HOME: dirname(files[0]!), PATH: process.env.PATH ?? '' }
  return selectionOf(files, { environment, found: true, ...more })
}

async function problemsOf(selection: Selection) {
  return loadWanted(selection).then(
    ({ warnings }) => warnings,
    (error) => (error as ProblemError).problems,
  )
}

test('an override that is gone stays a part of what runs, and the remedy is named', async () => {
  const folder = testFolder()
  const files = [folder.write('tunnels.yaml', yaml), folder.write('tunnels.override.yaml', yaml)]
  rmSync(files[1]!)
  expect(await problemsOf(found(files))).toMatchObject([
    {
      code: 'CONFIG_NOT_FOUND',
      hint: expect.stringContaining('`tunnels up` takes the files as they are now'),
    },
  ])
  const [named] = await problemsOf(found(files, { found: false }))
  expect(named).toMatchObject({ code: 'CONFIG_NOT_FOUND' })
  expect(named?.hint).toBeUndefined()
})

test('an override that came later is said not to count yet, unless the files were named', async () => {
  const folder = testFolder()
  const files = [folder.write('tunnels.yaml', yaml)]
  folder.write('tunnels.override.yml', 'forwards:\n  other: -D 8123 acme\n')
  expect(await problemsOf(found(files))).toContainEqual(
    expect.objectContaining({
      code: 'CONFIG_WARNING',
      severity: 'warning',
      summary: expect.stringContaining('tunnels.override.yml'),
      hint: expect.stringContaining('`tunnels up`'),
    }),
  )
  expect(JSON.stringify(await problemsOf(found(files, { found: false })))).not.toContain('override')
})

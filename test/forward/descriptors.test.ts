import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { descriptorProblem, descriptorSettled } from '../../src/forward/descriptors.ts'
import { eventually } from '../helpers/eventually.ts'

test.runIf(process.platform === 'linux')(
  'what is granted and not yet open counts, however often we look',
  async () => {
    const limit = Number(/^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
    let granted = 0
    while (descriptorProblem() === null) granted += 1
    expect(granted).toBeLessThan(limit - 48)
    expect(descriptorProblem()).toMatchObject({
      code: 'LIMIT_REACHED',
      summary: expect.stringContaining(`${limit} files and connections open, and needs 48 for itself`),
    })
    // In this time it looks again, and sees none of them open.
    for (const end = performance.now() + 60; performance.now() < end; )
      expect(descriptorProblem()).toMatchObject({ code: 'LIMIT_REACHED' })
    for (let each = 0; each < granted; each++) descriptorSettled()
    await eventually(() => expect(descriptorProblem()).toBe(null))
    descriptorSettled()
  },
)

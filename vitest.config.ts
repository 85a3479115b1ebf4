// Two projects: `unit` needs no build, `e2e` drives the built binary. Both fail on anything left behind.

import { defineConfig } from 'vitest/config'
import { sampleOf } from './test/helpers/sample.ts'

/**
 * Files of many seconds whose promises other files touch, too: `npm test` takes half of them, the other half tomorrow;
 * `npm run test:full` and whoever names one take all.
 */
const EVERY_OTHER_DAY = [
  'bad-files',
  'doctor',
  'forwards-jump',
  'honest-ends',
  'hostile',
  'logins',
  'ls',
  'moves',
  'named-pipes',
  'on-demand',
  'one-supervisor',
  'other-user',
  'proxy-command',
  'scale',
  'socks-replies',
  'tricks',
].map((name) => `test/e2e/${name}.test.ts`)

const isEverything = process.argv.some((word) => /\.ts$|^test\//.test(word))
const today = isEverything ? EVERY_OTHER_DAY : sampleOf(EVERY_OTHER_DAY, 2)
const tomorrow = EVERY_OTHER_DAY.filter((file) => !today.includes(file))
if (tomorrow.length > 0 && !process.argv.includes('unit'))
  console.log(`left to tomorrow, and to npm run test:full: ${tomorrow.join(' ')}`)

const shared = {
  setupFiles: ['test/helpers/setup.ts'],
  globalSetup: ['test/helpers/global.ts'],
  pool: 'forks' as const,
  hookTimeout: 60_000,
}

export default defineConfig({
  test: {
    maxWorkers: 4,
    reporters: ['default'],
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{e2e,package,faults}/**'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'e2e',
          include: ['test/{e2e,package,faults}/**/*.test.ts'],
          exclude: tomorrow,
          testTimeout: 120_000,
        },
      },
    ],
  },
})

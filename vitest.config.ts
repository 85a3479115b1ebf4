// Two projects: `unit` needs no build, `e2e` drives the built binary. Both fail on anything left behind.

import { defineConfig } from 'vitest/config'
import { sampleOf } from './test/helpers/sample.ts'

/**
 * Files of many seconds whose promises other files touch, too: `npm test` takes a third of them, another one each day;
 * `npm run test:full` and whoever names one take all.
 */
const IN_TURN = [
  'bad-files',
  'bad-input',
  'bad-input-hosts',
  'commands',
  'dashboard',
  'doctor',
  'edits',
  'env',
  'forwards-jump',
  'health',
  'holders',
  'honest-ends',
  'host-files',
  'hostile',
  'hostkeys',
  'import',
  'logins',
  'logs',
  'ls',
  'moves',
  'named-pipes',
  'on-demand',
  'one-supervisor',
  'other-user',
  'policy',
  'prompts',
  'proxy-command',
  'reload',
  'saves',
  'scale',
  'socks-input',
  'socks-replies',
  'ssh-config',
  'state-folder',
  'status-watch',
  'tricks',
  'trust',
].map((name) => `test/e2e/${name}.test.ts`)

const isEverything = process.argv.some((word) => /\.ts$|^test\//.test(word))
const today = isEverything ? IN_TURN : sampleOf(IN_TURN, 3)
const later = IN_TURN.filter((file) => !today.includes(file))
if (later.length > 0 && !process.argv.includes('unit'))
  console.log(`left to the next days, and to npm run test:full: ${later.join(' ')}`)

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
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'e2e',
          include: ['test/{e2e,package,faults}/**/*.test.ts'],
          exclude: later,
          testTimeout: 120_000,
        },
      },
    ],
  },
})

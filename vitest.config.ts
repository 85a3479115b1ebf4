// Two projects: `unit` needs no build, `e2e` drives the built binary. Both fail on anything left behind.

import { defineConfig } from 'vitest/config'

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
          testTimeout: 120_000,
        },
      },
    ],
  },
})

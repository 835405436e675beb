import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{core,cli,protocol,server,vfs,handlers,test,fixtures,bench}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    pool: 'forks',
    maxWorkers: 2,
    globalSetup: 'test/services/global-setup.ts',
    // Limits for what hangs, not for what is slow: a busy machine must not fail a test.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** For the tests that need the Node of `findModernNode`; test/webtransport-quic.test.ts runs them. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/quic/over-quic.ts'],
    // A process of its own would be started without the loader.
    pool: 'threads',
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

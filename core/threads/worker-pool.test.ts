import { describe, expect, it } from 'vitest'
import { openCounting, type CountingStart } from './counting.fixture.ts'
import { batchesOf, runBatches } from './worker-pool.ts'

const jobs = Array.from({ length: 200 }, (_, i) => i)
/** Without an end, so that every thread gets some. */
const endless = {
  *[Symbol.iterator](): Generator<number[]> {
    for (let i = 0; ; i++) yield [i]
  },
}

async function run(batches: Iterable<number[]>, threads: number, options: { failing?: number; signal?: AbortSignal } = {}) {
  const { signal, ...start } = options
  const abandoned = new SharedArrayBuffer(4)
  const results: { thread: number; square: number }[] = []
  const running = runBatches(batches, {
    open: openCounting,
    program: 'counting.fixture',
    from: new URL('counting.fixture.ts', import.meta.url).href,
    threads,
    start: { ...start, abandoned } satisfies CountingStart,
    signal,
  })
  const summaries = async () => {
    for (;;) {
      const next = await running.next()
      if (next.done) return next.value
      results.push(next.value)
    }
  }
  return { results, summaries, abandoned: () => new Int32Array(abandoned)[0] }
}

describe('threads', () => {
  it('do every job once, this thread too, and sum up each for itself', async () => {
    for (const threads of [1, 2, 3]) {
      const work = await run(jobs.map((job) => [job]), threads)
      const counts = await work.summaries()
      expect(counts.length).toBe(threads)
      expect(counts.reduce((a, b) => a + b)).toBe(jobs.length)
      expect(work.results.map(({ square }) => square).sort((a, b) => a - b)).toEqual(jobs.map((job) => job * job))
      expect(work.abandoned()).toBe(0)
    }
  })

  it('give up together where one of them fails, whichever it is', async () => {
    for (const failing of [0, 1, 2]) {
      const work = await run(endless, 3, { failing })
      await expect(work.summaries()).rejects.toMatchObject({ code: 'file-missing', message: `thread ${failing} failed` })
      expect(work.abandoned()).toBe(3)
    }
  })

  it('give up when they are told to', async () => {
    const stop = new AbortController()
    const work = await run(endless, 2, { signal: stop.signal })
    setImmediate(() => stop.abort())
    await expect(work.summaries()).rejects.toMatchObject({ code: 'interrupted' })
    expect(work.abandoned()).toBe(2)
  })

  it('get large jobs first, the largest before the others, and small ones several together', () => {
    const sized = [3, 50, 4, 90, 2, 5].map((size) => ({ size }))
    const batches = [...batchesOf(sized, { largeBytes: 50, filesMax: 3, bytesMax: 9 })]
    expect(batches.map((batch) => batch.map(({ size }) => size))).toEqual([[90], [50], [3, 4, 2], [5]])
  })
})

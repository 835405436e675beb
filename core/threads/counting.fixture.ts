import { isMainThread } from 'node:worker_threads'
import { DitsError } from '../errors.ts'
import type { BatchServer, ThreadContext } from './thread-context.ts'
import { serveBatches } from './worker-thread.ts'

/** A program for tests of threads: squares numbers. */

export interface CountingStart {
  /** The thread that fails at its first job. */
  failing?: number
  /** One 32-bit count: how many threads have given up. */
  abandoned: SharedArrayBuffer
}

/** Answers the square of each number, and in the end how many there were. */
export async function openCounting({ start, thread, onBytes }: ThreadContext<CountingStart>): Promise<BatchServer<number, { thread: number; square: number }, number>> {
  let jobs = 0
  return {
    run: async (job) => {
      if (thread === start.failing) throw new DitsError('file-missing', `thread ${thread} failed`)
      onBytes(job)
      jobs++
      return { thread, square: job * job }
    },
    finish: async () => jobs,
    abandon: async () => void Atomics.add(new Int32Array(start.abandoned), 0, 1),
  }
}

if (!isMainThread) serveBatches(openCounting)

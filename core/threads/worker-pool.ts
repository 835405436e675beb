import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { DitsError } from '../errors.ts'
import { unpackError, type ThreadError } from './thread-error.ts'

/**
 * Threads that work through batches of jobs. The program of a thread calls
 * `serveBatches` (see worker-thread.ts). Opened, given batches, finished,
 * closed. Ingest, checkout and check each run one.
 */
export interface PoolOptions {
  /** The thread's program beside the module that starts it, without its extension: 'ingest-worker'. */
  program: string
  /** `import.meta.url` of the module that starts it. */
  from: string
  threads: number
  /** Given to every thread, which also learns its number. */
  start: unknown
  signal?: AbortSignal | undefined
  /** Called ten times a second with the bytes that all threads report so far. */
  onProgress?: ((bytes: number) => void) | undefined
}

export interface ThreadStart {
  start: unknown
  thread: number
  /** One 64-bit count of bytes for each thread. */
  progress: SharedArrayBuffer
  /** One 32-bit flag: not zero asks the threads to stop. */
  stop: SharedArrayBuffer
}

/** `stop` gives up: the thread removes what it has not finished, and ends. */
export type ToThread = { type: 'jobs'; jobs: unknown[] } | { type: 'finish' } | { type: 'stop' }

export type FromThread =
  | { type: 'results'; results: unknown[] }
  | { type: 'finished'; summary: unknown }
  | { type: 'error'; error: ThreadError }

/** Batches that a thread may have at once: one in work, one waiting. */
const batchesWaiting = 2
const progressMs = 100
/** A thread that waits for a slow disk is ended all the same. */
const stopMs = 5000

interface PoolThread {
  worker: Worker
  waiting: number
  finished: boolean
  ended: boolean
}

/** Threads that run one program, each with its own share of the jobs; open from construction until it is closed. */
export class WorkerPool<Job, Result, Summary> {
  private readonly threads: PoolThread[] = []
  private readonly progress: BigInt64Array
  private readonly stop: Int32Array
  private readonly results: Result[] = []
  private readonly summaries: Summary[] = []
  private readonly timer: NodeJS.Timeout
  private readonly onAbort: () => void
  private readonly signal: AbortSignal | undefined
  private failure: Error | undefined
  private wake: (() => void) | undefined

  constructor(options: PoolOptions) {
    const progress = new SharedArrayBuffer(8 * options.threads)
    const stop = new SharedArrayBuffer(4)
    this.progress = new BigInt64Array(progress)
    this.stop = new Int32Array(stop)
    const url = new URL(`./${options.program}${options.from.endsWith('.ts') ? '.ts' : '.js'}`, options.from)
    for (let thread = 0; thread < options.threads; thread++) {
      this.startThread(url, { start: options.start, thread, progress, stop })
    }
    this.timer = setInterval(() => options.onProgress?.(this.bytesDone()), progressMs)
    this.signal = options.signal
    this.onAbort = () => {
      Atomics.store(this.stop, 0, 1)
      this.fail(new DitsError('interrupted', 'interrupted'))
    }
    if (this.signal?.aborted) this.onAbort()
    this.signal?.addEventListener('abort', this.onAbort, { once: true })
  }

  /** Gives a batch to the thread that waits for least; resolves as soon as it is handed over. Throws what a thread threw. */
  async submit(jobs: Job[]): Promise<void> {
    const idlest = () => this.threads.reduce((a, b) => (b.waiting < a.waiting ? b : a))
    await this.until(() => idlest().waiting < batchesWaiting)
    const thread = idlest()
    thread.waiting++
    thread.worker.postMessage({ type: 'jobs', jobs } satisfies ToThread)
  }

  /** The results that came since the last call. */
  takeResults(): Result[] {
    return this.results.splice(0)
  }

  /** Resolves, with what each thread sums up, when every batch is done. */
  async finish(): Promise<Summary[]> {
    for (const { worker } of this.threads) worker.postMessage({ type: 'finish' } satisfies ToThread)
    await this.until(() => this.threads.every((thread) => thread.finished))
    return this.summaries
  }

  /** Ends all threads. One that has not finished gets some time to remove what it began. */
  async close(): Promise<void> {
    clearInterval(this.timer)
    this.signal?.removeEventListener('abort', this.onAbort)
    Atomics.store(this.stop, 0, 1)
    const unfinished = this.threads.filter((thread) => !thread.finished && !thread.ended)
    for (const { worker } of unfinished) worker.postMessage({ type: 'stop' } satisfies ToThread)
    await Promise.race([Promise.all(unfinished.map(({ worker }) => once(worker, 'exit'))), setTimeout(stopMs, undefined, { ref: false })])
    await Promise.all(this.threads.map(({ worker }) => worker.terminate()))
  }

  private startThread(url: URL, start: ThreadStart): void {
    const thread: PoolThread = { worker: new Worker(url, { workerData: start }), waiting: 0, finished: false, ended: false }
    thread.worker.on('message', (message: FromThread) => this.take(thread, message))
    thread.worker.on('error', (error) => this.fail(error instanceof Error ? error : new Error(String(error))))
    thread.worker.on('exit', () => {
      thread.ended = true
      if (!thread.finished) this.fail(new Error('a thread ended early'))
    })
    this.threads.push(thread)
  }

  private take(thread: PoolThread, message: FromThread): void {
    if (message.type === 'results') {
      thread.waiting--
      for (const result of message.results) this.results.push(result as Result)
    } else if (message.type === 'finished') {
      thread.finished = true
      this.summaries.push(message.summary as Summary)
    } else this.fail(unpackError(message.error))
    this.wake?.()
  }

  private async until(holds: () => boolean): Promise<void> {
    while (!this.failure && !holds()) await new Promise<void>((resolve) => (this.wake = resolve))
    if (this.failure) throw this.failure
  }

  private fail(error: Error): void {
    this.failure ??= error
    this.wake?.()
  }

  private bytesDone(): number {
    let bytes = 0
    for (let i = 0; i < this.progress.length; i++) bytes += Number(Atomics.load(this.progress, i))
    return bytes
  }
}

/**
 * Runs all batches through a pool; yields results as they come, in any order,
 * and returns the threads' summaries.
 */
export async function* runBatches<Job, Result, Summary>(
  batches: Iterable<Job[]>,
  options: PoolOptions,
): AsyncGenerator<Result, Summary[]> {
  const pool = new WorkerPool<Job, Result, Summary>(options)
  try {
    for (const batch of batches) {
      await pool.submit(batch)
      yield* pool.takeResults()
    }
    const summaries = await pool.finish()
    yield* pool.takeResults()
    return summaries
  } finally {
    await pool.close()
  }
}

export interface BatchLimits {
  /** A job of at least this many bytes goes alone, and before the others, so that no thread is left with one at the end. */
  largeBytes: number
  filesMax: number
  bytesMax: number
}

/** Groups sized jobs into batches: large ones first, then the others in their order, several together. */
export function* batchesOf<Job extends { size: number }>(jobs: readonly Job[], limits: BatchLimits, bytesOf = (job: Job) => job.size): Generator<Job[]> {
  const large = jobs.filter((job) => bytesOf(job) >= limits.largeBytes).sort((a, b) => bytesOf(b) - bytesOf(a))
  for (const job of large) yield [job]
  let batch: Job[] = []
  let bytes = 0
  for (const job of jobs) {
    if (bytesOf(job) >= limits.largeBytes) continue
    batch.push(job)
    bytes += bytesOf(job)
    if (batch.length < limits.filesMax && bytes < limits.bytesMax) continue
    yield batch
    batch = []
    bytes = 0
  }
  if (batch.length > 0) yield batch
}

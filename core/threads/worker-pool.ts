import { once } from 'node:events'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { DitsError } from '../errors.ts'
import { contextOf, type OpenServer, type ThreadContext, type ThreadStart } from './thread-context.ts'
import { unpackError, type ThreadError } from './thread-error.ts'

/**
 * Threads that work through batches of jobs: the one that asks, and others
 * beside it, whose program calls `serveBatches` (see worker-thread.ts). Ingest,
 * checkout and check each run such a program.
 */
export interface PoolOptions<Start, Job, Result, Summary> {
  /** What each thread works with; given to this one. The program of the others is to serve the same. */
  open: OpenServer<Start, Job, Result, Summary>
  /** The program of the other threads, beside the module that starts it, without its extension: 'ingest-worker'. */
  program: string
  /** `import.meta.url` of the module that starts it. */
  from: string
  /** How many work, this one among them: it has the last number. */
  threads: number
  /** Given to every thread, which also learns its number. */
  start: Start
  signal?: AbortSignal | undefined
  /** Called ten times a second with the bytes that all threads report so far. */
  onProgress?: ((bytes: number) => void) | undefined
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

/**
 * The other threads, each with its own share of the jobs, and the results and
 * failures of all; opened, given batches, finished, closed.
 */
class WorkerPool<Start, Job, Result, Summary> {
  /** What this thread is told and reports to. */
  readonly context: ThreadContext<Start>
  private readonly threads: PoolThread[] = []
  private readonly progress: BigInt64Array
  private readonly stop: Int32Array
  private readonly results: Result[] = []
  private readonly summaries: Summary[] = []
  private readonly timer: NodeJS.Timeout
  private readonly onAbort: () => void
  private readonly signal: AbortSignal | undefined
  private failure: Error | undefined
  private wakes: (() => void)[] = []

  constructor(options: PoolOptions<Start, Job, Result, Summary>) {
    const progress = new SharedArrayBuffer(8 * options.threads)
    const stop = new SharedArrayBuffer(4)
    this.progress = new BigInt64Array(progress)
    this.stop = new Int32Array(stop)
    const url = new URL(`./${options.program}${options.from.endsWith('.ts') ? '.ts' : '.js'}`, options.from)
    const own = options.threads - 1
    for (let thread = 0; thread < own; thread++) this.startThread(url, { start: options.start, thread, progress, stop })
    this.context = contextOf({ start: options.start, thread: own, progress, stop })
    this.timer = setInterval(() => options.onProgress?.(this.bytesDone()), progressMs)
    this.signal = options.signal
    this.onAbort = () => this.fail(new DitsError('interrupted', 'interrupted'))
    if (this.signal?.aborted) this.onAbort()
    this.signal?.addEventListener('abort', this.onAbort, { once: true })
  }

  /** True where there are threads beside this one. */
  get hasThreads(): boolean {
    return this.threads.length > 0
  }

  /** Resolves when some thread can be given a batch. Throws what a thread threw. */
  async untilIdle(): Promise<void> {
    await this.until(() => this.idlest().waiting < batchesWaiting)
  }

  /** Gives a batch to the thread that waits for least. */
  submit(jobs: Job[]): void {
    const thread = this.idlest()
    thread.waiting++
    thread.worker.postMessage({ type: 'jobs', jobs } satisfies ToThread)
  }

  /** Adds what this thread made of a job. Throws what a thread threw. */
  add(result: Result): void {
    if (this.failure) throw this.failure
    this.results.push(result)
    this.wake()
  }

  /** Resolves, with the results that came since the last call, when there are some or `isDone` holds. Throws what a thread threw. */
  async takeResults(isDone: () => boolean): Promise<Result[]> {
    await this.until(() => this.results.length > 0 || isDone())
    return this.results.splice(0)
  }

  /** Resolves, with what each other thread sums up, when all of their batches are done. */
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

  /** Ends all work: a thread that can be told stops at its next buffer. */
  fail(error: Error): void {
    this.failure ??= error
    Atomics.store(this.stop, 0, 1)
    this.wake()
  }

  /** Has those that wait look again. */
  wake(): void {
    for (const wake of this.wakes.splice(0)) wake()
  }

  private idlest(): PoolThread {
    return this.threads.reduce((a, b) => (b.waiting < a.waiting ? b : a))
  }

  private startThread(url: URL, start: ThreadStart<Start>): void {
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
    this.wake()
  }

  private async until(holds: () => boolean): Promise<void> {
    while (!this.failure && !holds()) await new Promise<void>((resolve) => this.wakes.push(resolve))
    if (this.failure) throw this.failure
  }

  private bytesDone(): number {
    let bytes = 0
    for (let i = 0; i < this.progress.length; i++) bytes += Number(Atomics.load(this.progress, i))
    return bytes
  }
}

/**
 * Runs all batches, in this thread and in others; yields results as they come,
 * in any order, and returns the threads' summaries. This thread looks after
 * the others between two jobs, and wherever a job waits.
 */
export async function* runBatches<Start, Job, Result, Summary>(
  batches: Iterable<Job[]>,
  options: PoolOptions<Start, Job, Result, Summary>,
): AsyncGenerator<Result, Summary[]> {
  const pool = new WorkerPool<Start, Job, Result, Summary>(options)
  const queue = batches[Symbol.iterator]()
  let summaries: Summary[] | undefined
  const here = workHere(pool, queue, options.open)
  const all = Promise.all([here, handOut(pool, queue)]).then(
    ([own, others]) => {
      summaries = [own, ...others]
      pool.wake()
    },
    (error: unknown) => pool.fail(error instanceof Error ? error : new Error(String(error))),
  )
  try {
    while (!summaries) yield* await pool.takeResults(() => summaries !== undefined)
    yield* await pool.takeResults(() => true)
    return summaries
  } finally {
    await pool.close()
    await here.catch(() => {})
    await all
  }
}

/** Gives batches to the other threads as they get idle, and has them finish when there are no more. */
async function handOut<Start, Job, Result, Summary>(pool: WorkerPool<Start, Job, Result, Summary>, queue: Iterator<Job[]>): Promise<Summary[]> {
  while (pool.hasThreads) {
    await pool.untilIdle()
    // Only now, so that no batch waits here while this thread could work on it.
    const next = queue.next()
    if (next.done) break
    pool.submit(next.value)
  }
  return pool.finish()
}

/** Works on batches in this thread. Where another thread fails, it gives up as well. */
async function workHere<Start, Job, Result, Summary>(
  pool: WorkerPool<Start, Job, Result, Summary>,
  queue: Iterator<Job[]>,
  open: OpenServer<Start, Job, Result, Summary>,
): Promise<Summary> {
  // The others start first.
  await setImmediate()
  const server = await open(pool.context)
  let isFinished = false
  try {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      for (const job of next.value) {
        pool.add(await server.run(job))
        await setImmediate()
      }
    }
    const summary = await server.finish()
    isFinished = true
    return summary
  } finally {
    if (!isFinished) await server.abandon?.()
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

import { parentPort, workerData } from 'node:worker_threads'
import { DitsError } from '../errors.ts'
import { packError } from './thread-error.ts'
import type { FromThread, ThreadStart, ToThread } from './worker-pool.ts'

/** What a thread's program brings. */
export interface BatchServer<Job, Result, Summary> {
  run(job: Job): Promise<Result>
  /** Called once, after the last job. */
  finish(): Promise<Summary>
  /** Called instead where the work is given up: removes what is unfinished. */
  abandon?(): Promise<void>
}

/** What a thread is told when it starts, and what it reports to. */
export interface ThreadContext<Start> {
  start: Start
  thread: number
  /** Counts bytes for the progress display. Throws `interrupted` where the command is to stop. */
  onBytes(bytes: number): void
}

/** Runs a thread's program: answers every batch of jobs with its results, in order, until it is told to finish. */
export function serveBatches<Start, Job, Result, Summary>(
  open: (context: ThreadContext<Start>) => Promise<BatchServer<Job, Result, Summary>>,
): void {
  const { start, thread, progress, stop } = workerData as ThreadStart
  const port = parentPort!
  const counts = new BigInt64Array(progress)
  const flag = new Int32Array(stop)
  const server = open({
    start: start as Start,
    thread,
    onBytes: (bytes) => {
      Atomics.add(counts, thread, BigInt(bytes))
      if (Atomics.load(flag, 0) !== 0) throw new DitsError('interrupted', 'interrupted')
    },
  })
  let queue = server.then(() => {})
  port.on('message', (message: ToThread) => {
    if (message.type === 'stop') {
      const end = () => port.close()
      void queue.catch(() => {}).then(async () => (await server).abandon?.()).then(end, end)
      return
    }
    queue = queue.then(async () => port.postMessage(await answer(await server, message)))
    queue.catch((error: unknown) => port.postMessage({ type: 'error', error: packError(error) } satisfies FromThread))
    // Where it failed, the error was posted, and whoever gets it ends the thread.
    if (message.type === 'finish') queue.then(() => port.close(), () => {})
  })
}

async function answer<Job, Result, Summary>(server: BatchServer<Job, Result, Summary>, message: Exclude<ToThread, { type: 'stop' }>): Promise<FromThread> {
  if (message.type === 'finish') return { type: 'finished', summary: await server.finish() }
  const results: Result[] = []
  for (const job of message.jobs) results.push(await server.run(job as Job))
  return { type: 'results', results }
}

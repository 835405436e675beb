import { DitsError } from '../errors.ts'

/** What a thread works through its jobs with. */
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

/** Makes what one thread works with: the same in the thread that a command runs in and in those that it starts. */
export type OpenServer<Start, Job, Result, Summary> = (context: ThreadContext<Start>) => Promise<BatchServer<Job, Result, Summary>>

/** What threads share: plain data and shared memory, so that it can be handed from one to another. */
export interface ThreadStart<Start> {
  start: Start
  thread: number
  /** One 64-bit count of bytes for each thread. */
  progress: SharedArrayBuffer
  /** One 32-bit flag: not zero asks the threads to stop. */
  stop: SharedArrayBuffer
}

/** What a thread is told, from what it shares with the others. */
export function contextOf<Start>({ start, thread, progress, stop }: ThreadStart<Start>): ThreadContext<Start> {
  const counts = new BigInt64Array(progress)
  const flag = new Int32Array(stop)
  return {
    start,
    thread,
    onBytes: (bytes) => {
      Atomics.add(counts, thread, BigInt(bytes))
      if (Atomics.load(flag, 0) !== 0) throw new DitsError('interrupted', 'interrupted')
    },
  }
}

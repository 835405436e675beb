import { parentPort, workerData } from 'node:worker_threads'
import { packError } from './thread-error.ts'
import { contextOf, type BatchServer, type OpenServer, type ThreadStart } from './thread-context.ts'
import type { FromThread, ToThread } from './worker-pool.ts'

/** Runs a thread's program: answers every batch of jobs with its results, in order, until it is told to finish. */
export function serveBatches<Start, Job, Result, Summary>(open: OpenServer<Start, Job, Result, Summary>): void {
  const port = parentPort!
  const server = open(contextOf(workerData as ThreadStart<Start>))
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

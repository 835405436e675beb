import { DitsError } from '../core/errors.ts'

/** What became of the program's signals. */
export interface Interrupts {
  signal: AbortSignal
  /** The signal that came, if one did. */
  received(): NodeJS.Signals | undefined
}

/**
 * Turns the first SIGINT or SIGTERM into an abort, so that work ends in order
 * and leaves nothing half done; the second ends the program at once, as if
 * nobody had listened.
 */
export function listenForInterrupts(): Interrupts {
  const controller = new AbortController()
  let received: NodeJS.Signals | undefined
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (received) {
        process.removeAllListeners(name)
        process.kill(process.pid, name)
      }
      received = name
      controller.abort(new DitsError('interrupted', 'interrupted'))
    })
  }
  return { signal: controller.signal, received: () => received }
}

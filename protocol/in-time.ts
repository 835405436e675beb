import { DitsError } from '#core'

/** Waits for what the other side does, so long. Throws `peer-silent`. */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  const timer = new WaitTimer()
  try {
    return await timer.wait(work, ms)
  } finally {
    timer.clear()
  }
}

/**
 * As `inTime`, for whoever waits again and again, one wait at a time: its timer
 * is set back instead of made anew, which would cost as much as the rest of a
 * read. It keeps no process alive: what is waited for does.
 */
export class WaitTimer {
  #timer: NodeJS.Timeout | undefined
  #ms = 0
  #onLate: (error: Error) => void = () => {}

  wait<T>(work: Promise<T>, ms: number): Promise<T> {
    this.#set(Math.max(1, ms))
    return new Promise((resolve, reject) => {
      this.#onLate = reject
      work.then(resolve, reject)
    })
  }

  clear(): void {
    clearTimeout(this.#timer)
  }

  #set(ms: number): void {
    if (this.#timer && this.#ms === ms) return void this.#timer.refresh()
    this.clear()
    this.#ms = ms
    // Where the wait is over by then, nobody hears of it.
    this.#timer = setTimeout(() => this.#onLate(silent()), ms).unref()
  }
}

/** The other side kept silent. */
export function silent(): DitsError {
  return new DitsError('peer-silent', 'the other side was silent, or next to it, for too long', { hint: 'try again' })
}

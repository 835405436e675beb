import { setTimeout as wait } from 'node:timers/promises'
import { DitsError } from '#core'

/** How long and how often a request is tried. */
export interface Patience {
  triesMax: number
  /** What a request may take beside its bytes, which may come and go at `slowestBytesPerMs`. */
  answerMs: number
  /** The first pause between two tries; each further one may be twice as long, up to the maximum. */
  pauseMs: number
  pauseMsMax: number
  /** Ends every request and every pause. */
  signal?: AbortSignal | undefined
}

/** One try of a request. */
export interface Attempt {
  signal: AbortSignal
  /** Gives it time anew, for this many bytes of an answer that has begun. */
  allow(bytes: number): void
  isLast: boolean
  /** True where an earlier try may have been carried out, and only its answer was not heard. */
  mayBeDone: boolean
}

/** 128 KiB/s: a line that is slower does not serve a team. */
const slowestBytesPerMs = 128

/**
 * Does `work`, which sends `bytes` bytes, again where that can help: the server is overloaded or fails, or the line is cut or silent.
 * Throws what the last try threw, or the reason of the signal.
 */
export async function tryRepeatedly<T>(patience: Patience, bytes: number, work: (attempt: Attempt) => Promise<T>): Promise<T> {
  let mayBeDone = false
  for (let tries = 1; ; tries++) {
    patience.signal?.throwIfAborted()
    const isLast = tries >= patience.triesMax
    const deadline = new Deadline(patience)
    deadline.allow(bytes)
    try {
      return await work({ signal: deadline.signal, allow: (more) => deadline.allow(more), isLast, mayBeDone })
    } catch (error) {
      patience.signal?.throwIfAborted()
      const nature = natureOf(error)
      if (nature === 'final' || isLast) throw error
      mayBeDone ||= nature === 'unheard'
    } finally {
      deadline.end()
    }
    // A pause of random length, so that many who were refused together do not come back together.
    await wait(Math.random() * Math.min(patience.pauseMsMax, patience.pauseMs * 2 ** (tries - 1)), undefined, { signal: patience.signal })
  }
}

/** The HTTP status of an answer that the SDK made an error of; `undefined` where there was none. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  const { $metadata, $response } = error as { $metadata?: { httpStatusCode?: number }; $response?: { statusCode?: number } }
  return $metadata?.httpStatusCode ?? $response?.statusCode
}

/**
 * Whether trying again can help. 'refused': the server did not do it now.
 * 'unheard': whether it was done is not known, as where a connection broke
 * after the request was sent, or a server failed while it was at work.
 */
export function natureOf(error: unknown): 'final' | 'refused' | 'unheard' {
  if (!(error instanceof Error) || error instanceof DitsError || error instanceof RangeError || error instanceof TypeError) return 'final'
  if (error.name === 'CredentialsProviderError') return 'final'
  const status = statusOf(error)
  if (status === 429 || status === 409 || error.name === 'SlowDown') return 'refused'
  if (status === undefined) return 'code' in error && neverSent.has(String(error.code)) ? 'refused' : 'unheard'
  // A server may report a failure under 200, where it began to answer before it was done; and that it waited in vain for a body.
  const failed = status >= 500 || error.name === 'InternalError' || error.name === 'RequestTimeout'
  return failed ? 'unheard' : 'final'
}

/** Aborts its signal when the time is over, or the caller's signal is aborted. */
class Deadline {
  readonly signal: AbortSignal
  readonly #own = new AbortController()
  readonly #answerMs: number
  #timer: NodeJS.Timeout | undefined

  constructor({ answerMs, signal }: Patience) {
    this.#answerMs = answerMs
    this.signal = signal ? AbortSignal.any([signal, this.#own.signal]) : this.#own.signal
  }

  allow(bytes: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#own.abort(), this.#answerMs + Math.ceil(bytes / slowestBytesPerMs))
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

const neverSent: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Where a command's output goes. Text is collected and written in large pieces. */
export interface Output {
  readonly isTerminal: boolean
  /** Columns of the terminal; 80 where it is none. */
  readonly columns: number
  /** Throws `OutputClosed` once the reader has gone away. */
  write(piece: string | Uint8Array): void
  /** Writes `text` and a line end. */
  line(text?: string): void
  /** Writes `value` as one line of JSON; bigints become decimal strings. */
  json(value: unknown): void
  /** Hands over whatever was collected. Throws like `write`. */
  flush(): void
}

/** Thrown to a command whose reader has gone away, as in `dits log | head`. It ends the program without a word. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

/** How an output stands to its surroundings. */
export interface OutputOptions {
  /** Called before bytes reach a terminal, so that a progress bar can step aside. */
  beforeWrite?: () => void
  /** Columns that the environment claims where the terminal does not say. */
  columns?: number | undefined
  /** Writes some of the bytes and answers how many; throws with an errno. For tests. */
  writeSome?: (bytes: Uint8Array) => number
}

const pendingMax = 64 * 1024
const pipeFullWaitMs = 2

/**
 * An output on a file descriptor. Writes are synchronous: memory stays bounded
 * however slow the reader is, and nothing is lost where the process exits.
 */
export function openOutput(descriptor: number, options: OutputOptions = {}): Output {
  const isTerminal = isatty(descriptor)
  const writeSome = options.writeSome ?? ((bytes) => writeSync(descriptor, bytes))
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  let closed = false

  function flush(): void {
    if (pendingBytes === 0) return
    const bytes = pending.length === 1 ? pending[0]! : Buffer.concat(pending)
    pending = []
    pendingBytes = 0
    options.beforeWrite?.()
    try {
      writeAll(bytes, writeSome)
    } catch (error) {
      closed = isBrokenPipe(error)
      throw closed ? new OutputClosed() : error
    }
  }

  function write(piece: string | Uint8Array): void {
    if (closed) throw new OutputClosed()
    const bytes = Buffer.from(piece as string)
    pending.push(bytes)
    pendingBytes += bytes.length
    if (pendingBytes >= pendingMax) flush()
  }

  return {
    isTerminal,
    get columns() {
      return columnsOf(descriptor, isTerminal) ?? options.columns ?? 80
    },
    write,
    line: (text = '') => write(`${text}\n`),
    json: (value) => write(`${JSON.stringify(value, bigintToText)}\n`),
    flush,
  }
}

function writeAll(bytes: Uint8Array, writeSome: (bytes: Uint8Array) => number): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSome(bytes.subarray(done))
    } catch (error) {
      if (!isPipeFull(error)) throw error
      waitMs(pipeFullWaitMs)
    }
  }
}

/** A pipe that someone else made non-blocking says EAGAIN while it is full. */
function isPipeFull(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EAGAIN'
}

function isBrokenPipe(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'EPIPE' || code === 'ECONNRESET'
}

function waitMs(time: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time)
}

function columnsOf(descriptor: number, isTerminal: boolean): number | undefined {
  if (!isTerminal) return undefined
  // A terminal that does not know its width says 0.
  return (descriptor === 2 ? process.stderr : process.stdout).columns || undefined
}

function bigintToText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

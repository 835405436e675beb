import { writeSync, writev } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
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
  /**
   * Writes pieces as they come, for content of any size: without a copy, and
   * while the next pieces are made. A piece must not change once it was given.
   */
  pour(pieces: AsyncIterable<Uint8Array>): Promise<void>
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
  /** The same for several pieces, without waiting. For tests. */
  writePieces?: (pieces: readonly Uint8Array[]) => Promise<number>
}

const pendingMax = 64 * 1024
const pipeFullWaitMs = 2
/** What `pour` hands over at once; the next lot is collected meanwhile. */
const pourBytes = 1024 * 1024
const pourPieces = 256

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

  async function pour(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    flush()
    if (closed) throw new OutputClosed()
    options.beforeWrite?.()
    try {
      await pourAll(pieces, options.writePieces ?? ((batch) => writePieces(descriptor, batch)))
    } catch (error) {
      closed = isBrokenPipe(error)
      throw closed ? new OutputClosed() : error
    }
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
    pour,
  }
}

/** Writes lots of pieces, one lot at a time, and collects the next while it waits. */
async function pourAll(pieces: AsyncIterable<Uint8Array>, writeSome: (batch: readonly Uint8Array[]) => Promise<number>): Promise<void> {
  let writing: Promise<void> = Promise.resolve()
  let batch: Uint8Array[] = []
  let bytes = 0
  const handOver = async (): Promise<void> => {
    await writing
    writing = writeBatch(batch, bytes, writeSome)
    // What goes wrong is thrown where it is waited for; nobody else is to hear of it.
    writing.catch(() => {})
    batch = []
    bytes = 0
  }
  for await (const piece of pieces) {
    if (piece.length === 0) continue
    batch.push(piece)
    bytes += piece.length
    if (bytes >= pourBytes || batch.length >= pourPieces) await handOver()
  }
  await handOver()
  await writing
}

async function writeBatch(batch: readonly Uint8Array[], bytes: number, writeSome: (batch: readonly Uint8Array[]) => Promise<number>): Promise<void> {
  let rest = batch
  for (let done = 0; done < bytes; ) {
    try {
      const written = await writeSome(rest)
      done += written
      if (done < bytes) rest = after(rest, written)
    } catch (error) {
      if (!isPipeFull(error)) throw error
      await setTimeout(pipeFullWaitMs)
    }
  }
}

/** The pieces without their first bytes. */
function after(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let first = 0
  let left = bytes
  while (left >= pieces[first]!.length) left -= pieces[first++]!.length
  return [pieces[first]!.subarray(left), ...pieces.slice(first + 1)]
}

function writePieces(descriptor: number, batch: readonly Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) => writev(descriptor, batch, null, (error, written) => (error ? reject(error) : resolve(written))))
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

import { on } from 'node:events'
import { createInterface } from 'node:readline'
import type { Context } from './context.ts'

/** Asks a question at the terminal. True for 'y' and 'yes'; false for everything else, also where the input ends. Throws the signal's reason. */
export async function askYes({ stderr, signal }: Context, question: string): Promise<boolean> {
  stderr.write(`${question} [y/N] `)
  stderr.flush()
  // The terminal itself lets a line be edited and makes a signal of Ctrl-C.
  const lines = createInterface({ input: process.stdin, terminal: false })
  try {
    for await (const [line] of on(lines, 'line', { close: ['close'], signal }) as AsyncIterable<[string]>) return /^\s*y(es)?\s*$/i.test(line)
    stderr.line()
    return false
  } catch (error) {
    stderr.line()
    signal.throwIfAborted()
    throw error
  } finally {
    lines.close()
    stderr.flush()
  }
}

import { DitsError } from '../core/errors.ts'
import { UsageError } from './arguments.ts'
import type { Context } from './context.ts'

/** Asks for a secret at the terminal, which there has to be, without showing what is typed. Throws `interrupted`. */
export async function askSecret({ stderr }: Context, question: string): Promise<string> {
  const { stdin } = process
  stderr.write(question)
  stderr.flush()
  stdin.setRawMode(true).resume()
  try {
    return await readLineUnseen(stdin)
  } finally {
    stdin.setRawMode(false).pause()
    stderr.line()
    stderr.flush()
  }
}

/** The first line of standard input, without its end. */
export async function readFirstLine(context: Context): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const piece of context.stdin()) {
    pieces.push(piece)
    if (piece.includes(10)) break
    if (pieces.length > 64) throw new UsageError('what came from standard input is no token')
  }
  return Buffer.concat(pieces).toString('utf8').split('\n', 1)[0]!.trim()
}

async function readLineUnseen(stdin: NodeJS.ReadStream): Promise<string> {
  let text = ''
  for await (const piece of stdin.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    for (const character of piece.toString('utf8')) {
      if (character === '\r' || character === '\n') return text
      if (character === '\x03' || (character === '\x04' && text === '')) throw new DitsError('interrupted', 'interrupted')
      if (character === '\x7f' || character === '\b') text = text.slice(0, -1)
      else if (character >= ' ') text += character
    }
  }
  return text
}

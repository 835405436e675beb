import { constants, createReadStream, openSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { pathToFs, toHex, type BytePath } from '../../core/bytes.ts'
import { createBlake3 } from '../../core/hash.ts'
import { readBytes } from '../../core/limits.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { quotePath } from '../format.ts'
import type { ProgressBar } from '../progress.ts'
import { pathFromArgument } from '../raw-arguments.ts'
import { describeError } from '../report-error.ts'

interface HashArguments {
  files?: string[] | undefined
}

export const command: Command<HashArguments> = {
  name: 'hash',
  group: 'examine',
  summary: 'Print the BLAKE3 of files, as b3sum does',
  usage: ['hash [FILE...]'],
  positionals: '[files..]',
  description: `A file's hash is the plain BLAKE3-256 of its bytes, which is also what a commit
records for it. Without FILE, or where FILE is -, standard input is read.`,
  examples: [['hash clip.mov', 'prints what b3sum clip.mov prints']],
  options: (yargs) => yargs.positional('files', { type: 'string', array: true, describe: 'the files; - is standard input' }),

  async run(context, { files = [] }) {
    const paths = (files.length === 0 ? ['-'] : files).map(pathFromArgument)
    const bar = context.progress.start({ label: 'Hashing', unit: 'bytes', ...(await totalOf(paths)) })
    let exitCode = 0
    for (const path of paths) {
      try {
        await hashOne(path, context, bar)
      } catch (error) {
        exitCode = reportFile(path, error, context)
      }
    }
    bar.finish()
    return exitCode
  },
}

async function hashOne(path: BytePath, context: Context, bar: ProgressBar): Promise<void> {
  const hash = createBlake3()
  const name = Buffer.from(path, 'latin1').toString('utf8')
  let size = 0
  const pieces = path === '-' ? context.stdin() : await openForReading(path, context.signal)
  for await (const piece of pieces) {
    context.signal.throwIfAborted()
    hash.update(piece)
    size += piece.length
    bar.advance(piece.length, name)
  }
  const hex = toHex(hash.digest())
  if (context.json) context.stdout.json({ path: name, size, hash: hex })
  else context.stdout.write(checksumLine(hex, name))
}

async function openForReading(path: BytePath, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const found = await stat(pathToFs(path)).catch(() => undefined)
  if (!found?.isFIFO()) return createReadStream(pathToFs(path), { highWaterMark: readBytes })
  // Opening a pipe for good waits for a writer, and no signal would end that.
  const pipe = new Socket({ fd: openSync(pathToFs(path), constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false })
  signal.addEventListener('abort', () => pipe.destroy(signal.reason as Error), { once: true })
  return pipe
}

/** One line as b3sum and the GNU checksum tools print it: a backslash first says that the name is escaped. */
function checksumLine(hex: string, name: string): string {
  const escaped = name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
  return `${escaped === name ? '' : '\\'}${hex}  ${escaped}\n`
}

/** A file that cannot be read must not keep the others from being hashed; an interruption must. */
function reportFile(path: BytePath, error: unknown, context: Context): number {
  const { code, exitCode, ...described } = describeError(error)
  if (context.signal.aborted || !/^e[a-z]+$/.test(code)) throw error
  context.stdout.flush()
  const message = `${quotePath(path)}: ${described.message}`
  if (context.json) context.stdout.json({ error: { code, message } })
  else context.stderr.line(`dits: ${message}`)
  context.stderr.flush()
  return exitCode
}

/** What is to be read in all, where every file says how long it is. */
async function totalOf(paths: readonly BytePath[]): Promise<{ total?: number }> {
  let total = 0
  for (const path of paths) {
    const found = path === '-' ? undefined : await stat(pathToFs(path)).catch(() => undefined)
    if (!found?.isFile()) return {}
    total += found.size
  }
  return { total }
}

import { bringContent } from '../../core/ghosts/hydrate-content.ts'
import { isPartial } from '../../core/ghosts/partial.ts'
import { ContentReader, type ContentRange } from '../../core/checkout/content-reader.ts'
import { DitsError } from '../../core/errors.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import { findEntry } from '../revision-words.ts'

interface CatArguments {
  files?: string[] | undefined
  range?: string | undefined
  offset?: number | undefined
  length?: number | undefined
}

export const command: Command<CatArguments> = {
  name: 'cat',
  group: 'examine',
  summary: 'Print the content of a file in any version, or a part of it',
  usage: ['cat [REV:]PATH...', 'cat --range=FROM-TO [REV:]PATH', 'cat --offset=N --length=N [REV:]PATH'],
  positionals: '<files..>',
  description: `Without REV, the last commit's version is printed; :PATH is the staged one. In REV:PATH
the path counts from the root of the repository, with ./ in front from this folder.
Every chunk is checked against its id before a byte of it is printed; only the chunks
of the range are read. A range counts bytes from 0 and includes both ends, as curl's:
0-99 is the first hundred, 100- all after them, -100 the last hundred.`,
  examples: [
    ['cat HEAD~2:edit/cut.prproj > old.prproj', 'brings back an older version beside the new one'],
    ['cat --range=0-65535 v1.0:clips/A001.mov | ffprobe -', 'looks at the head of a clip without restoring it'],
  ],
  options: (yargs) =>
    yargs
      .positional('files', { type: 'string', array: true, describe: 'the files' })
      .option('range', { type: 'string', describe: 'first and last byte, such as 0-1023' })
      .option('offset', { type: 'number', describe: 'the first byte' })
      .option('length', { type: 'number', describe: 'how many bytes' }),

  async run(context, args) {
    const { files = [] } = args
    if (hasRange(args) && files.length > 1) throw new UsageError('a range is of one file')
    const repo = await context.openRepo()
    const entries = []
    for (const file of files) {
      const entry = await findEntry(context, repo, file)
      if (entry.kind === 'directory') throw new DitsError('is-a-folder', `'${file}' is a folder`, { hint: `see what is in it: dits ls-tree ${file}` })
      entries.push(entry)
    }
    if (isPartial(repo)) await bringContent(repo, entries)
    const content = new ContentReader(repo.objects)
    for (const entry of entries) {
      const range = rangeOf(args, entry.size)
      await context.stdout.pour(untilAborted(content.stream(entry, range), context.signal))
    }
  },
}

function hasRange({ range, offset, length }: CatArguments): boolean {
  return range !== undefined || offset !== undefined || length !== undefined
}

/** The part that the options ask for, of a file of `size` bytes. */
function rangeOf(args: CatArguments, size: number): ContentRange {
  const { range, offset = 0, length = Infinity } = args
  if (range === undefined) {
    if (!(offset >= 0 && length >= 0)) throw new UsageError('an offset and a length are not below zero')
    return { offset, length }
  }
  if (args.offset !== undefined || args.length !== undefined) throw new UsageError('give either --range, or --offset and --length')
  const [, from = '', to = ''] = /^(\d*)-(\d*)$/.exec(range) ?? []
  if (from === '' && to === '') throw new UsageError(`'${range}' is not a range of bytes`, 'write it as FROM-TO, FROM- or -COUNT')
  if (from === '') return { offset: Math.max(0, size - Number(to)), length: Number(to) }
  const last = to === '' ? Infinity : Number(to)
  if (last < Number(from)) throw new UsageError(`'${range}' ends before it begins`)
  return { offset: Number(from), length: last - Number(from) + 1 }
}

async function* untilAborted(pieces: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    signal.throwIfAborted()
    yield piece
  }
}

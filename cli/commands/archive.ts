import { closeSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { archivePieces } from '../../core/archive/archive.ts'
import { pathToText } from '../../core/bytes.ts'
import { readCommit } from '../../core/changing/head.ts'
import { ContentReader } from '../../core/checkout/content-reader.ts'
import { bringContent, contentsBelow } from '../../core/ghosts/hydrate-content.ts'
import { isPartial } from '../../core/ghosts/partial.ts'
import { DitsError, hasCode } from '../../core/errors.ts'
import type { Repo } from '../../core/repo.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { formatSize, quoteArgument } from '../format.ts'
import { openOutput } from '../output.ts'
import { pathFromArgument } from '../raw-arguments.ts'
import { findEntry } from '../revision-words.ts'
import { findCommit } from '../revisions.ts'

interface ArchiveArguments {
  rev?: string | undefined
  /** Where git has what is to be archived. */
  path?: string | undefined
  format?: string | undefined
  prefix: string
  output?: string | undefined
}

export const command: Command<ArchiveArguments> = {
  name: 'archive',
  group: 'examine',
  summary: 'Write a version, or a part of one, as a tar or zip file',
  usage: ['archive [--format=tar|zip] [--prefix=FOLDER/] [-o FILE] [REV[:PATH]]'],
  positionals: '[rev] [path]',
  description: `Without -o the archive goes to standard output. The format is that of FILE's ending, tar
where there is none. Every byte is checked against its id on the way. Times are those
of the commit, where the repository does not record them.
With --json and -o: {file, format, bytes}.`,
  examples: [
    ['archive HEAD | tar -x -C /mnt/delivery', 'unpacks the last version somewhere else'],
    ['archive -o shot010.zip --prefix=shot010/ v1.0:shots/010', 'makes a zip of one folder of a version'],
  ],
  options: (yargs) =>
    yargs
      .positional('rev', { type: 'string', describe: 'the version; HEAD where none is given' })
      .positional('path', { type: 'string', hidden: true })
      .option('format', { type: 'string', choices: ['tar', 'zip'], describe: 'tar or zip' })
      .option('prefix', { type: 'string', default: '', describe: 'what stands before every name, such as a folder and /' })
      .option('output', { alias: 'o', type: 'string', describe: 'the file to write' }),

  async run(context, { rev = 'HEAD', path, output, prefix, format: wanted }) {
    if (path !== undefined) {
      const part = quoteArgument(`${rev}:${path.replace(/\/+$/, '')}`)
      throw new UsageError('a part of a version is named behind a colon', `write it as: dits archive ${part}; --prefix=FOLDER/ puts a folder before its names`)
    }
    if (output === undefined && context.stdout.isTerminal) {
      throw new DitsError('output-is-a-terminal', 'an archive is not for a terminal', { hint: 'write it to a file: dits archive -o FILE' })
    }
    const repo = await context.openRepo()
    const root = await findEntry(context, repo, rev)
    const ending = /\.([^./]+)$/.exec(output ?? '')?.[1]?.toLowerCase()
    if (wanted === undefined && ending !== undefined && ending !== 'tar' && ending !== 'zip') {
      throw new DitsError('bad-arguments', `'.${ending}' is neither tar nor zip`, { hint: 'say which with --format=tar or --format=zip' })
    }
    const format = wanted === 'zip' || (wanted === undefined && /\.zip$/i.test(output ?? '')) ? 'zip' : 'tar'
    if (isPartial(repo)) await bringContent(repo, contentsBelow(repo.objects, root))
    const bar = context.progress.start({ label: 'Archiving', unit: 'bytes', total: root.size })
    const pieces = archivePieces({ reader: repo.objects, content: new ContentReader(repo.objects) }, root, {
      format,
      prefix: pathFromArgument(prefix),
      ...(await originOf(context, repo, rev)),
      signal: context.signal,
      onBytes: (bytes, path) => bar.advance(bytes, pathToText(path)),
    })
    if (output === undefined) return context.stdout.pour(pieces)
    const bytes = await writeFile(resolve(context.cwd, output), pieces)
    bar.finish()
    if (context.json) context.stdout.json({ file: output, format, bytes })
    else if (!context.quiet) context.stdout.line(`Wrote ${output}: ${formatSize(bytes)}`)
  },
}

/** The time that the archive's files get, and the commit that it says it is of. */
async function originOf(context: Context, repo: Repo, rev: string): Promise<{ timeMs: number; comment?: string }> {
  try {
    const id = await findCommit(repo, rev.replace(/:.*/s, '') || 'HEAD')
    return { timeMs: (await readCommit(repo, id)).committer.timeMs, comment: id }
  } catch (error) {
    // A tree or a file that was named by its id belongs to no commit in particular.
    if (!hasCode(error, 'wrong-kind') && !hasCode(error, 'unknown-revision') && !hasCode(error, 'bad-revision')) throw error
    return { timeMs: context.environment.now() }
  }
}

/** Writes a file under another name first, so that no half of an archive is left where it fails. Answers its bytes. */
async function writeFile(file: string, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  const folder = dirname(file)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new DitsError('no-such-path', `there is no folder '${folder}' to write to`, { hint: `make it with: mkdir -p ${quoteArgument(folder)}` })
  }
  const temporary = `${file}.dits-tmp-${process.pid}`
  const descriptor = openSync(temporary, 'w')
  let bytes = 0
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      bytes += piece.length
      yield piece
    }
  }
  try {
    await openOutput(descriptor).pour(counted())
    closeSync(descriptor)
    renameSync(temporary, file)
    return bytes
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

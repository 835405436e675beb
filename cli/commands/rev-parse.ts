import { pathToText } from '../../core/bytes.ts'
import { shortRefName } from '../../core/changing/head.ts'
import { DitsError, hasCode } from '../../core/errors.ts'
import type { Id } from '../../core/objects/id.ts'
import { parseRange } from '../../core/refs/rev-parse.ts'
import type { Repo } from '../../core/repo.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { findContent, isRange } from '../revision-words.ts'
import { findCommit, findRevision, idShortener, prefixOf, revisionContext } from '../revisions.ts'

interface RevParseArguments {
  revs?: string[] | undefined
  short: boolean
  verify: boolean
  'abbrev-ref': boolean
  'symbolic-full-name': boolean
  'show-toplevel': boolean
  'dits-dir': boolean
  'show-prefix': boolean
  'is-inside-work-tree': boolean
}

export const command: Command<RevParseArguments> = {
  name: 'rev-parse',
  group: 'examine',
  summary: 'Print the ids that names of versions stand for',
  usage: ['rev-parse [--short] [--verify] REV...', 'rev-parse --abbrev-ref HEAD', 'rev-parse --show-toplevel | --dits-dir | --show-prefix'],
  positionals: '[revs..]',
  description: `A version is a branch, a tag, HEAD or @, an id or its first digits (4 at least), main@{1} (what
it was one change ago), @{-1} (the branch before); then ~2 (two back), ^2 (the second
parent), ^{tree}; then :path. A..B prints the id of B, and that of A with ^ before it.
With --verify exactly one version must be named, and with --quiet a failure only shows in
the exit code. With --json: a line a version {revision, id, kind}.`,
  examples: [
    ['rev-parse --short HEAD', 'the short id of the last commit'],
    ['rev-parse --abbrev-ref HEAD', 'the branch that you are on'],
    ['rev-parse v1.0:clips/A001.mov', 'the id of a file in a version'],
  ],
  options: (yargs) =>
    yargs
      .positional('revs', { type: 'string', array: true, describe: 'the versions' })
      .option('short', { type: 'boolean', default: false, describe: 'as many digits as it takes, 10 at least' })
      .option('verify', { type: 'boolean', default: false, describe: 'exactly one version, which must exist' })
      .option('abbrev-ref', { type: 'boolean', default: false, describe: 'the short name of a branch or tag instead of the id' })
      .option('symbolic-full-name', { type: 'boolean', default: false, describe: 'the full name, such as refs/heads/main' })
      .option('show-toplevel', { type: 'boolean', default: false, describe: 'the folder of the repository' })
      .option('dits-dir', { type: 'boolean', default: false, describe: 'its .dits folder' })
      .option('show-prefix', { type: 'boolean', default: false, describe: 'where this folder is in it' })
      .option('is-inside-work-tree', { type: 'boolean', default: false, describe: 'true in a repository' }),

  async run(context, args) {
    const repo = await context.openRepo()
    if (printPlaces(context, repo, args)) return
    const revs = args.revs ?? []
    if (args.verify && revs.length !== 1) throw new UsageError('--verify needs exactly one version')
    try {
      for (const rev of revs) await printRevision(context, repo, rev, args)
    } catch (error) {
      if (args.verify && context.quiet && error instanceof DitsError) return 1
      throw error
    }
  },
}

/** Prints what is asked of the repository itself; answers whether anything was. */
function printPlaces(context: Context, repo: Repo, args: RevParseArguments): boolean {
  const places: [wanted: boolean, key: string, value: string][] = [
    [args['show-toplevel'], 'toplevel', repo.root],
    [args['dits-dir'], 'ditsDir', repo.folder],
    [args['show-prefix'], 'prefix', pathToText(prefixOf(context, repo)).replace(/(?<=.)$/, '/')],
    [args['is-inside-work-tree'], 'isInsideWorkTree', 'true'],
  ]
  const wanted = places.filter(([isWanted]) => isWanted)
  if (context.json && wanted.length > 0) context.stdout.json(Object.fromEntries(wanted.map(([, key, value]) => [key, value])))
  else for (const [, , value] of wanted) context.stdout.line(value)
  return wanted.length > 0
}

async function printRevision(context: Context, repo: Repo, text: string, args: RevParseArguments): Promise<void> {
  const shorten = args.short ? await idShortener(repo) : undefined
  const print = async (id: Id, kind: string, left = ''): Promise<void> => {
    const shown = `${left}${shorten ? await shorten(id) : id}`
    if (context.json) context.stdout.json({ revision: text, id: shown, kind })
    else context.stdout.line(shown)
  }
  if (args['abbrev-ref'] || args['symbolic-full-name']) {
    const name = await refName(repo, text)
    if (name !== undefined) {
      const shown = args['abbrev-ref'] ? shortRefName(name) : name
      if (context.json) context.stdout.json({ revision: text, name: shown })
      else context.stdout.line(shown)
    }
    return
  }
  if (text.startsWith('^')) return print(await findCommit(repo, text.slice(1)), 'commit', '^')
  if (isRange(text)) {
    const { starts, exclude } = await parseRange(revisionContext(repo), text)
    for (const id of [...starts].reverse()) await print(id, 'commit')
    for (const id of exclude) await print(id, 'commit', '^')
    return
  }
  const { id, kind } = text.includes(':') ? await findContent(context, repo, text) : await findRevision(repo, text)
  await print(id, kind)
}

/** The full name of the ref that a word means; 'HEAD' where it is on no branch. Throws where there is no such version. */
async function refName(repo: Repo, text: string): Promise<string | undefined> {
  if (text === 'HEAD' || text === '@') {
    const head = await repo.refs.readHead()
    return 'branch' in head ? head.branch : 'HEAD'
  }
  for (const folder of ['', 'refs/', 'refs/tags/', 'refs/heads/', 'refs/remotes/']) {
    const name = `${folder}${text}`
    if (name.startsWith('refs/') && (await isRef(repo, name))) return name
  }
  await findCommit(repo, text)
  return undefined
}

async function isRef(repo: Repo, name: string): Promise<boolean> {
  try {
    return (await repo.refs.read(name)) !== undefined
  } catch (error) {
    if (hasCode(error, 'bad-ref-name')) return false
    throw error
  }
}

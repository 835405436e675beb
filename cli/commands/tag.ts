import { createTag, deleteTag } from '../../core/changing/branches.ts'
import { DitsError } from '../../core/errors.ts'
import { decodeTag } from '../../core/objects/tag.ts'
import type { Repo } from '../../core/repo.ts'
import { shortRefName } from '../../core/changing/head.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { subjectLine } from '../printable.ts'
import { findRevision, nameFilter, shortId } from '../revisions.ts'

interface TagArguments {
  names?: string[] | undefined
  message?: string | undefined
  annotate: boolean
  delete: boolean
  force: boolean
  list: boolean
}

export const command: Command<TagArguments> = {
  name: 'tag',
  group: 'branch',
  summary: 'List, make or delete tags',
  usage: ['tag [--list [PATTERN...]]', 'tag [-m MESSAGE] NAME [REV]', 'tag -d NAME...'],
  positionals: '[names..]',
  lists: true,
  description: `A tag is a name that stays. With -m it also records who, when and why.
With --json: a line a tag {name, id, message}.`,
  examples: [['tag -m "locked picture" v1.0', 'names the last commit']],
  options: (yargs) =>
    yargs
      .positional('names', { type: 'string', array: true, describe: 'the tag, and what it names' })
      .option('message', { alias: 'm', type: 'string', describe: 'make an annotated tag with this message' })
      .option('annotate', { alias: 'a', type: 'boolean', default: false, describe: 'make an annotated tag (needs -m)' })
      .option('list', { alias: 'l', type: 'boolean', default: false, describe: 'list tags, also by patterns' })
      .option('delete', { alias: 'd', type: 'boolean', default: false, describe: 'delete tags' })
      .option('force', { alias: 'f', type: 'boolean', default: false, describe: 'replace a tag that is there' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const [name, rev = 'HEAD'] = args.names ?? []
    if (args.delete) return deleteAll(context, repo, args.names ?? [])
    if (name === undefined || args.list) return list(context, repo, nameFilter(args.names ?? []))
    if (args.annotate && args.message === undefined) throw new DitsError('empty-message', 'an annotated tag needs a message', { hint: 'give it with -m' })
    const id = await createTag(repo, name, await findRevision(repo, rev), { message: args.message, force: args.force })
    if (context.json) context.stdout.json({ name, id, message: args.message ?? null })
  },
}

async function list(context: Context, repo: Repo, isWanted: (name: string) => boolean): Promise<void> {
  for await (const { name, id } of repo.refs.list('refs/tags/')) {
    if (!isWanted(shortRefName(name))) continue
    const located = await repo.objects.locate(id)
    const message = located?.kind === 'tag' ? decodeTag(await repo.objects.read('tag', id)).message : undefined
    if (context.json) context.stdout.json({ name: shortRefName(name), id, message: message ?? null })
    else if (context.nul) context.stdout.write(`${shortRefName(name)}\0`)
    else context.stdout.line(context.verbose && message !== undefined ? `${shortRefName(name)}  ${subjectLine(message)}` : shortRefName(name))
  }
}

async function deleteAll(context: Context, repo: Repo, names: readonly string[]): Promise<void> {
  if (names.length === 0) throw new DitsError('nothing-named', 'name the tag to delete')
  for (const name of names) {
    const id = await deleteTag(repo, name)
    if (context.json) context.stdout.json({ name, id, deleted: true })
    else if (!context.quiet) context.stdout.line(`Deleted tag '${name}' (was ${shortId(id)})`)
  }
}

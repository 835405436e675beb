import { readCurrentHead, shortRefName } from '../../core/changing/head.ts'
import { DitsError } from '../../core/errors.ts'
import { parseRange } from '../../core/refs/rev-parse.ts'
import type { Command } from '../command.ts'
import { findRevision, revisionContext, shortId } from '../revisions.ts'

interface RevParseArguments {
  revisions?: string[] | undefined
  short: boolean
  verify: boolean
  'abbrev-ref': boolean
  'show-toplevel': boolean
  'dits-dir': boolean
}

export const command: Command<RevParseArguments> = {
  name: 'rev-parse',
  group: 'examine',
  summary: 'Print the ids that versions stand for',
  usage: ['rev-parse [--short] REV...', 'rev-parse --show-toplevel'],
  positionals: '[revisions..]',
  description: `Understands HEAD and @, branches, tags, full and short ids, REV~2, REV^2, REV^{tree},
main@{1} (where the branch was one change ago), @{-1} (the branch before), REV:PATH and
A..B. With --json: a line a revision {revision, id, kind}.`,
  examples: [['rev-parse HEAD~2', 'the id of the grandparent'], ['rev-parse v1.0:audio/mix.wav', "the id of that file's content"]],
  options: (yargs) =>
    yargs
      .positional('revisions', { type: 'string', array: true, describe: 'versions' })
      .option('short', { type: 'boolean', default: false, describe: 'the first digits only' })
      .option('verify', { type: 'boolean', default: false, describe: 'exactly one revision' })
      .option('abbrev-ref', { type: 'boolean', default: false, describe: 'the name of the branch that HEAD is on' })
      .option('show-toplevel', { type: 'boolean', default: false, describe: 'the folder that holds the working tree' })
      .option('dits-dir', { type: 'boolean', default: false, describe: "the repository's .dits folder" }),

  async run(context, args) {
    const repo = await context.openRepo()
    const revisions = args.revisions ?? []
    const print = (text: string) => (context.json ? context.stdout.json(text) : context.stdout.line(text))
    if (args['show-toplevel']) print(repo.root)
    if (args['dits-dir']) print(repo.folder)
    if (args.verify && revisions.length !== 1) throw new DitsError('bad-arguments', 'one revision is needed to verify')
    for (const text of revisions) {
      if (args['abbrev-ref'] && (text === 'HEAD' || text === '@')) {
        const { branch } = await readCurrentHead(repo)
        print(branch ? shortRefName(branch) : 'HEAD')
      } else if (text.includes('..') && !text.includes(':')) {
        const range = await parseRange(revisionContext(repo), text)
        for (const id of range.starts) print(args.short ? shortId(id) : id)
        for (const id of range.exclude) print(`^${args.short ? shortId(id) : id}`)
      } else {
        const { id, kind } = await findRevision(repo, text)
        if (context.json) context.stdout.json({ revision: text, id, kind })
        else context.stdout.line(args.short ? shortId(id) : id)
      }
    }
  },
}

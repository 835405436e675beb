import { DitsError } from '../../core/errors.ts'
import type { Repo } from '../../core/repo.ts'
import { readIndex } from '../../core/staging/stage.ts'
import { indexEntries } from '../../core/staging/spec-entries.ts'
import type { FetchRemoteOptions } from '../../protocol/fetch-remote.ts'
import { findRemote, listRemotes, type Remote } from '../../protocol/remotes.ts'
import { UsageError } from '../arguments.ts'
import type { Command, RestArguments } from '../command.ts'
import type { Context } from '../context.ts'
import { hydrateFiles } from '../hydrate-files.ts'
import { pathspecOf } from '../revisions.ts'
import { chosenRemote, fetchFrom, type Fetched } from '../sync.ts'
import { fetchedRefToJson, showFetchedRefs, transferSummary } from '../transfer-text.ts'

interface FetchArguments {
  remote?: string | undefined
  branches?: string[] | undefined
  all: boolean
  tags?: boolean | undefined
  prune: boolean
  deepen?: number | undefined
  unshallow: boolean
}

export const command: Command<FetchArguments> = {
  name: 'fetch',
  group: 'share',
  summary: 'Bring what is new at a remote, without changing your files',
  usage: ['fetch [REMOTE [BRANCH...]]', 'fetch --all', 'fetch [--] PATH...'],
  positionals: '[remote] [branches..]',
  description: `Brings the commits of a remote's branches, and its tags. Your branches and files stay as
they are: 'dits log origin/main' shows what came, 'dits pull' brings it into your branch.
After clone --depth it brings the branches that you have, and the tags that lead into them;
name another branch to have that as well.
A transfer that broke off goes on where it was. You can work on meanwhile.
With paths instead, it brings the content of ghosts, as 'dits hydrate' does.
With --json: a line a ref {ref, remoteRef, before, after, outcome}, then {remote, objects,
bytesReceived, bytesSent, rounds}, or {error} where that failed; with paths as 'dits hydrate'.`,
  examples: [
    ['fetch', 'from the remote that this branch follows, or origin'],
    ['fetch -- Level_3', 'the content of everything below a folder'],
  ],
  options: (yargs) =>
    yargs
      .positional('remote', { type: 'string', describe: 'the remote' })
      .positional('branches', { type: 'string', array: true, describe: 'only these branches' })
      .option('all', { type: 'boolean', default: false, describe: 'from all remotes; one that cannot be reached does not keep it from the others' })
      .option('tags', { type: 'boolean', describe: 'all tags, also those of history that clone --depth left behind; --no-tags: none' })
      .option('deepen', { type: 'number', describe: 'so many more commits of what clone --depth left behind' })
      .option('unshallow', { type: 'boolean', default: false, describe: 'all of what clone --depth left behind: history, branches, tags' })
      .option('prune', { alias: 'p', type: 'boolean', default: false, describe: 'forget branches that are gone there' }),

  async run(context, args) {
    const repo = await context.openRepo()
    const paths = await pathsToHydrate(context, repo, args)
    if (paths) return hydrateFiles(context, repo, paths, { dryRun: false })
    const remotes = args.all ? listRemotes(repo.config) : [await chosenRemote(repo, args.remote)]
    const options = readOptions(args)
    let failure: DitsError | undefined
    for (const remote of remotes) {
      try {
        show(context, repo, remote, await fetchFrom(context, repo, remote, options), options.deepen !== undefined)
      } catch (error) {
        context.signal.throwIfAborted()
        if (remotes.length === 1 || !(error instanceof DitsError)) throw error
        if (failure) showFailure(context, failure)
        failure = new DitsError(error.code, `fetching from '${remote.name}' failed: ${error.message}`, { ...(error.hint !== undefined && { hint: error.hint }), cause: error.cause })
      }
    }
    if (failure) throw failure
  },
}

/** The paths that are meant rather than a remote: what follows '--', or words of which the first names tracked files and no remote. */
async function pathsToHydrate(context: Context, repo: Repo, args: FetchArguments & RestArguments): Promise<readonly string[] | undefined> {
  const words = args.remote === undefined ? [] : [args.remote, ...(args.branches ?? [])]
  if (args.dashes) {
    if (words.length === args.afterDashes.length && words.length > 0) return words
    throw new UsageError(words.length === 0 ? "no path follows '--'" : "what stands before '--' is no path", 'paths come from the remote that the repository was cloned from: dits fetch -- PATH')
  }
  if (args.remote === undefined || findRemote(repo.config, args.remote)) return undefined
  const index = await readIndex(repo)
  const isTracked = index !== undefined && !indexEntries(index, pathspecOf(context, repo, [args.remote])).next().done
  return isTracked ? words : undefined
}

function readOptions({ tags, prune, deepen, unshallow, branches }: FetchArguments): Partial<FetchRemoteOptions> {
  if (deepen !== undefined && !(Number.isSafeInteger(deepen) && deepen > 0)) throw new UsageError('--deepen is a number of commits, from 1 on')
  const names = branches?.map((name) => (name.startsWith('refs/heads/') ? name : `refs/heads/${name}`))
  return { tags: tags === undefined ? undefined : tags ? 'all' : 'none', prune, deepen: unshallow ? 'all' : deepen, ...(names?.length && { branches: names }) }
}

/** A failure that is not the last: that one ends the command. */
function showFailure(context: Context, { code, message, hint }: DitsError): void {
  if (context.json) return context.stdout.json({ error: { code, message, hint } })
  context.stderr.line(`error: ${message}`)
  if (hint !== undefined) context.stderr.line(`hint: ${hint}`)
}

function show(context: Context, repo: Repo, remote: Remote, { refs, objects, counts }: Fetched, deepened: boolean): void {
  const { stdout, verbose } = context
  if (context.json) {
    for (const ref of refs) stdout.json(fetchedRefToJson(ref))
    stdout.json({ remote: remote.name, objects, bytesReceived: counts.bytesIn, bytesSent: counts.bytesOut, rounds: counts.rounds })
  } else if (!context.quiet) {
    if (refs.some(({ outcome }) => outcome !== 'same') || verbose) stdout.line(`From ${remote.url}`)
    showFetchedRefs(context, refs)
    if (deepened) stdout.line(repo.objects.shallow.size === 0 ? 'All of the history is here.' : 'Older commits are still left behind.')
    if (objects > 0 || deepened || verbose) stdout.line(transferSummary(counts, 0))
  }
}

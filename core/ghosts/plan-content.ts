import { pathToText, type BytePath } from '../bytes.ts'
import type { CheckoutJob } from '../checkout/file-writer.ts'
import { DitsError } from '../errors.ts'
import { readCommit } from '../history/paint.ts'
import type { Id } from '../objects/id.ts'
import { entryAtPath } from '../objects/tree.ts'
import type { Repo } from '../repo.ts'
import { markOnRemote, remoteTips, type OnRemote } from './content-marks.ts'
import { bringContent, contentIsHere } from './hydrate-content.ts'
import { filtersOf, isWanted } from './partial.ts'

/** A file that is about to be written. */
export interface WantedFile {
  job: CheckoutJob
  /**
   * It is no ghost whatever the filters say: a person has the content of its
   * present version before them, or another version is going to be staged, so
   * that the index could not say of which one it is a ghost.
   */
  needsContent: boolean
}

/**
 * Decides, for files that are about to be written, which become ghosts: in a
 * partial repository those whose content is not here, that no filter wants,
 * that may be ghosts, and that are no work of which only a part has to come
 * from a remote. What is wanted and missing is brought, all of it together.
 * Nothing of the working tree is changed. Throws `content-unavailable`, naming
 * the files, where wanted content cannot be had.
 */
export async function planContent(repo: Repo, files: readonly WantedFile[]): Promise<CheckoutJob[]> {
  const filters = filtersOf(repo.config)
  if (filters.length === 0) return files.map(({ job }) => job)
  const missing: CheckoutJob[] = []
  const jobs: CheckoutJob[] = []
  const isElsewhere = lookOnRemotes(repo)
  for (const { job, needsContent } of files) {
    repo.env.signal?.throwIfAborted()
    const isHere = job.size === 0 || (await contentIsHere(repo.objects, job))
    const isAsked = needsContent || job.kind === 'symlink' || isWanted(filters, job.path, job.size)
    const mustCome = !isHere && (isAsked || !(await isElsewhere(job)))
    if (mustCome) missing.push(job)
    jobs.push(isHere || mustCome ? job : { ...job, isGhost: true })
  }
  await bringFiles(repo, missing)
  return jobs
}

/**
 * Whether a version of which not everything is here is whole on a remote.
 * What dits made here has its manifest here, and only what remotes reach ever
 * leaves the store. So where the manifest, or the only chunk, is missing, a
 * remote has the file; where it is there and chunks are missing, it may be work
 * that shares them with what a remote has, and the remotes' commits decide.
 */
function lookOnRemotes(repo: Repo): (job: CheckoutJob) => Promise<boolean> {
  let tips: Promise<Id[]> | undefined
  let trees: Promise<Id[]> | undefined
  let reached: Promise<OnRemote> | undefined
  const readTips = () => (tips ??= remoteTips(repo, undefined))
  const readTrees = async () => {
    const found: Id[] = []
    for (const tip of await readTips()) found.push((await readCommit(repo.objects, tip)).tree)
    return found
  }
  return async ({ path, id }) => {
    if ((await repo.objects.locateKnown(id)) === undefined) return true
    for (const tree of await (trees ??= readTrees())) if ((await entryAtPath(repo.objects, tree, path))?.id === id) return true
    reached ??= readTips().then((known) => markOnRemote(repo, known, new Set()))
    return (await reached).has(id)
  }
}

/** Brings the content of files, of those where it is not here. Throws `content-unavailable`, naming them, where nothing can bring it. */
export async function bringFiles(repo: Repo, wanted: readonly NamedContent[]): Promise<void> {
  const files: NamedContent[] = []
  for (const file of wanted) if (!(await contentIsHere(repo.objects, file))) files.push(file)
  if (files.length === 0) return
  if ((await repo.content.open()) === undefined) throw notHere(files.map(({ path }) => path))
  const bytesTotal = files.reduce((sum, { size }) => sum + size, 0)
  let bytes = 0
  const onBytes = (more: number) => repo.env.onProgress?.({ task: 'fetching', bytes: (bytes += more), bytesTotal, filesTotal: files.length })
  await bringContent(repo, files, { onBytes })
}

/** A file whose content may have to be brought. */
export type NamedContent = Pick<CheckoutJob, 'path' | 'content' | 'id' | 'size'>

function notHere(paths: readonly BytePath[]): DitsError {
  const names = paths.slice(0, 5).map((path) => `'${pathToText(path)}'`)
  const more = paths.length > names.length ? ` and ${paths.length - names.length} more` : ''
  return new DitsError('content-unavailable', `the content of ${names.join(', ')}${more} is not here, and no remote can be asked for it`, {
    hint: 'run the command again where the remote can be reached',
  })
}

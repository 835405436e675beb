import { pathToText, type BytePath } from '../bytes.ts'
import type { CheckoutJob } from '../checkout/file-writer.ts'
import { DitsError } from '../errors.ts'
import type { Repo } from '../repo.ts'
import { bringContent, contentIsHere } from './hydrate-content.ts'
import { filtersOf, isWanted } from './partial.ts'

/** A file that is about to be written, and whether a person has the content of its present version before them. */
export interface WantedFile {
  job: CheckoutJob
  wasHydrated: boolean
}

/**
 * Decides, for files that are about to be written, which become ghosts: in a
 * partial repository those whose content is not here, that no filter wants,
 * and that are none whose present version is there with its content. What is
 * wanted and missing is brought, all of it together. Nothing of the working
 * tree is changed. Throws `content-unavailable`, naming the files, where
 * wanted content cannot be had.
 */
export async function planContent(repo: Repo, files: readonly WantedFile[]): Promise<CheckoutJob[]> {
  const filters = filtersOf(repo.config)
  if (filters.length === 0) return files.map(({ job }) => job)
  const missing: CheckoutJob[] = []
  const jobs: CheckoutJob[] = []
  for (const { job, wasHydrated } of files) {
    repo.env.signal?.throwIfAborted()
    const isHere = job.size === 0 || (await contentIsHere(repo.objects, job))
    const mustCome = wasHydrated || job.kind === 'symlink' || isWanted(filters, job.path, job.size)
    if (!isHere && mustCome) missing.push(job)
    jobs.push(isHere || mustCome ? job : { ...job, isGhost: true })
  }
  await bringFiles(repo, missing)
  return jobs
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

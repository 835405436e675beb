import type { BytePath } from '../bytes.ts'
import type { Config } from '../config.ts'
import type { Repo } from '../repo.ts'
import { matches, parseFilter, type ContentFilter } from './filter.ts'

/** What a repository knows of being partial: for each remote with a filter, of which files it wants the content at once. */

export interface RemoteFilter {
  remote: string
  filter: ContentFilter
}

/** The filters of all remotes that have one. A repository with any is partial. Throws `bad-filter`. */
export function filtersOf(config: Config): RemoteFilter[] {
  return config.settings().flatMap(({ key, value }) => {
    const [, remote] = /^remote\.(.+)\.filter$/.exec(key) ?? []
    return remote === undefined || value === '' ? [] : [{ remote, filter: parseFilter(value) }]
  })
}

/** True where content may be missing without anything being wrong. */
export function isPartial(repo: Pick<Repo, 'config'>): boolean {
  return repo.config.settings().some(({ key, value }) => /^remote\..+\.filter$/.test(key) && value !== '')
}

/** Whether the content of a file is wanted as soon as the file is: where no filter leaves it out, or any wants it. */
export function isWanted(filters: readonly RemoteFilter[], path: BytePath, size: number): boolean {
  return filters.length === 0 || filters.some(({ filter }) => matches(filter, path, size))
}

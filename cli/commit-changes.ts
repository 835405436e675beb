import { rootPath } from '../core/bytes.ts'
import { readCommit } from '../core/changing/head.ts'
import { compareVersions } from '../core/comparing/compare.ts'
import type { MeasuredChange } from '../core/comparing/compare-trees.ts'
import { addToTotals, emptyTotals } from '../core/comparing/totals.ts'
import type { LogItem } from '../core/history/query-log.ts'
import type { Repo } from '../core/repo.ts'
import { parsePathspec, type Pathspec } from '../core/staging/pathspec.ts'
import { changeToJson, nameLine, setChangeTable, totalsToJson } from './change-table.ts'
import type { Context } from './context.ts'

/** How what a commit changed is shown. */
export type ChangesStyle = 'table' | 'sizes' | 'names' | 'status'

/**
 * What a commit changed against its first parent, of the paths that `spec`
 * names, or of the file that the log follows. What is new is measured against
 * that parent.
 */
export async function* changesOfCommit(repo: Repo, item: LogItem, spec: Pathspec, measure: boolean): AsyncGenerator<MeasuredChange> {
  const [parent] = item.commit.parents
  const before = parent && (await readCommit(repo, parent)).tree
  const followed = item.path === undefined ? undefined : [item.path, ...(item.from === undefined ? [] : [item.from])]
  yield* compareVersions(repo, { tree: before }, { tree: item.commit.tree }, {
    spec: followed ? parsePathspec(followed, rootPath) : spec,
    measure,
  })
}

/** The lines that show a commit's changes, handed on as they are ready. */
export async function showChanges(
  context: Context,
  changes: AsyncIterable<MeasuredChange>,
  style: ChangesStyle,
  print: (line: string) => void,
): Promise<void> {
  if (style === 'table' || style === 'sizes') await setChangeTable(context, changes, style === 'table' ? 'new' : 'sizes', print)
  else for await (const change of changes) print(nameLine(change, style === 'status'))
}

/** `{changes, totals}` of a commit, as `dits help diff` names their keys. */
export async function changesToJson(changes: AsyncIterable<MeasuredChange>): Promise<object> {
  const totals = emptyTotals()
  const list: object[] = []
  for await (const change of changes) {
    list.push(changeToJson(change))
    addToTotals(totals, change)
  }
  return { changes: list, totals: totalsToJson(totals, true) }
}

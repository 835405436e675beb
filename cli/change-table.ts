import { pathToText, type BytePath } from '../core/bytes.ts'
import type { MeasuredChange } from '../core/comparing/compare-trees.ts'
import { addToTotals, emptyTotals, type ComparisonTotals } from '../core/comparing/totals.ts'
import type { TreeEntry } from '../core/objects/tree-entry.ts'
import type { Change } from '../core/history/changes.ts'
import type { Context } from './context.ts'
import { formatAmount, formatCount, formatSize, formatTable, quotePath, type Alignment } from './format.ts'

/** How the changes between two versions are shown: for people, line by line for programs, or as JSON. */

const letters: Record<Change['kind'], string> = {
  'added': 'A',
  'deleted': 'D',
  'modified': 'M',
  'renamed': 'R',
  'type-changed': 'T',
  'mode-changed': 'M',
}

/** Rows that are set in columns together: what a person can look over, and what needs little memory. */
const tableRowsMax = 2000
const alignments: readonly Alignment[] = ['left', 'left', 'right', 'left', 'right', 'left']

/**
 * Sets changes as a table and hands its lines on as they are ready, and the
 * line of the sum at the end, where anything changed. Answers the sum.
 */
export async function setChangeTable(
  context: Context,
  changes: AsyncIterable<MeasuredChange>,
  sumOf: SumOf,
  print: (line: string) => void,
): Promise<ComparisonTotals> {
  const totals = emptyTotals()
  let batch: MeasuredChange[] = []
  for await (const change of changes) {
    addToTotals(totals, change)
    if (batch.push(change) < tableRowsMax) continue
    for (const line of tableLines(context, batch)) print(line)
    batch = []
  }
  for (const line of tableLines(context, batch)) print(line)
  if (totals.files > 0) print(totalLine(totals, sumOf))
  return totals
}

/** What the sum calls new content: what a comparison would have to send, what a commit brought; or nothing, where it was not measured. */
export type SumOf = 'travel' | 'new' | 'sizes'

/** The line below a table. */
function totalLine({ files, kinds, chunksShared, chunksChanged, sendBytes }: ComparisonTotals, sumOf: SumOf): string {
  const parts: [number, string][] = [
    [kinds.added, 'added'],
    [kinds.modified + kinds['mode-changed'] + kinds['type-changed'], 'modified'],
    [kinds.renamed, 'renamed'],
    [kinds.deleted, 'deleted'],
  ]
  const what = parts.filter(([count]) => count > 0).map(([count, word]) => `${formatCount(count)} ${word}`)
  const changed = `${formatAmount(files, 'file')} changed: ${what.join(', ')}`
  if (sumOf === 'sizes') return changed
  const chunks = chunksShared > 0 ? `${formatAmount(chunksShared, 'chunk')} shared, ${formatCount(chunksChanged)} changed; ` : ''
  return `${changed}; ${chunks}${formatSize(sendBytes)} ${sumOf === 'travel' ? 'would travel' : 'of new content'}`
}

/** One change as JSON: the keys that `dits help diff` names. */
export function changeToJson({ kind, path, from, similarity, before, after, news }: MeasuredChange): object {
  return {
    kind,
    path: pathToText(path),
    from: from === undefined ? null : pathToText(from),
    similarity: similarity ?? null,
    before: before ? sideToJson(before) : null,
    after: after ? sideToJson(after) : null,
    chunksShared: news?.chunksShared ?? null,
    chunksChanged: news?.chunksChanged ?? null,
    bytesToSend: news?.sendBytes ?? null,
  }
}

export function totalsToJson({ files, kinds, bytesBefore, bytesAfter, chunksShared, chunksChanged, sendBytes }: ComparisonTotals, measured: boolean): object {
  return {
    files,
    added: kinds.added,
    modified: kinds.modified + kinds['mode-changed'] + kinds['type-changed'],
    renamed: kinds.renamed,
    deleted: kinds.deleted,
    bytesBefore,
    bytesAfter,
    ...(measured ? { chunksShared, chunksChanged, bytesToSend: sendBytes } : {}),
  }
}

/** The letter of a change as git has it; renames with how much is the same, in percent. */
function statusLetter({ kind, similarity }: Change): string {
  return kind === 'renamed' ? `R${String(Math.floor((similarity ?? 1) * 100)).padStart(3, '0')}` : letters[kind]
}

/** 'PATH', or with `status` 'M<tab>PATH' and 'R100<tab>OLD<tab>NEW', as git's --name-only and --name-status. */
export function nameLine(change: Change, status: boolean): string {
  const { fields, paths } = namesOf(change, status)
  return [...fields, ...paths.map(quotePath)].join('\t')
}

/** The same as bytes, with NUL after each field. */
export function nameFields(change: Change, status: boolean): Uint8Array {
  const { fields, paths } = namesOf(change, status)
  return Buffer.from([...fields, ...paths].map((field) => `${field}\0`).join(''), 'latin1')
}

function namesOf(change: Change, status: boolean): { fields: string[]; paths: BytePath[] } {
  const { path, from, kind } = change
  return {
    fields: status ? [statusLetter(change)] : [],
    paths: status && kind === 'renamed' && from !== undefined ? [from, path] : [path],
  }
}

function sideToJson({ kind, size, id, hash }: TreeEntry): object {
  return { kind, size, id, hash }
}

function tableLines({ colors }: Context, changes: readonly MeasuredChange[]): string[] {
  const paint = { A: colors.green, D: colors.red, M: colors.yellow, R: colors.cyan, T: colors.magenta } as Record<string, (text: string) => string>
  return formatTable(changes.map(rowOf), alignments).map((line, i) => {
    const letter = letters[changes[i]!.kind]
    return `${paint[letter]!(line.slice(0, 1))}${line.slice(1)}`
  })
}

function rowOf(change: MeasuredChange): string[] {
  const { kind, path, from, before, after, news } = change
  const isFolder = (after ?? before)?.kind === 'directory'
  const name = `${quotePath(path)}${isFolder ? '/' : ''}`
  const shownName = from === undefined ? name : kind === 'renamed' ? `${quotePath(from)} → ${name}` : `${name}  (copy of ${quotePath(from)})`
  return [letters[kind], shownName, ...sizesOf(change), ...costOf(change, news)]
}

/** 'size before → size after', the part after the arrow in a column of its own; the growth where the sizes would read the same. */
function sizesOf({ before, after }: MeasuredChange): [string, string] {
  if (!before || before.kind === 'directory') return [after && after.kind !== 'directory' ? formatSize(after.size) : '', '']
  if (!after || after.kind === 'directory') return [formatSize(before.size), '→ gone']
  const [old, now] = [formatSize(before.size), formatSize(after.size)]
  if (old !== now) return [old, `→ ${now}`]
  const growth = after.size - before.size
  return [old, growth === 0 ? '' : `${growth > 0 ? '+' : '-'}${formatSize(Math.abs(growth))}`]
}

function costOf({ kind, before, after }: MeasuredChange, news: MeasuredChange['news']): [string, string] {
  if (kind === 'type-changed') return ['', `now a ${shapeName(after!)}, was a ${shapeName(before!)}`]
  if (!news || !after || after.kind === 'directory' || (kind === 'added' && after.size === 0)) return ['', '']
  if (news.chunksShared === undefined) return ['', kind === 'mode-changed' && before?.kind !== after.kind ? modeText(after) : 'same content']
  const { chunksShared, chunksChanged, sendBytes } = news
  const chunks = before ? `${formatCount(chunksShared)} chunks shared, ${formatCount(chunksChanged)} changed` : formatAmount(chunksShared + chunksChanged, 'chunk')
  return [`${formatSize(sendBytes)} new`, before || chunksShared === 0 ? chunks : `${chunks}, ${formatCount(chunksShared)} shared`]
}

function modeText({ kind }: TreeEntry): string {
  return kind === 'executable' ? 'now executable' : 'no longer executable'
}

function shapeName({ kind }: TreeEntry): string {
  return kind === 'symlink' ? 'link' : kind === 'directory' ? 'folder' : 'file'
}

import { shortRefName } from '../core/changing/head.ts'
import type { FetchedRef } from '../protocol/fetch-remote.ts'
import type { FrameCounts } from '../protocol/frames.ts'
import type { Context } from './context.ts'
import { formatAmount, formatSize } from './format.ts'
import { shortId } from './revisions.ts'

/** Shows how a transfer goes on, in bytes; the total where it is known. */
export function transferProgress(context: Context, label: string): { show(bytes: number, total?: number): void; done(): void } {
  let bar: ReturnType<Context['progress']['start']> | undefined
  return {
    show(bytes, total) {
      bar ??= context.progress.start({ label, unit: 'bytes' })
      if (total !== undefined) bar.setTotal(total)
      bar.moveTo(bytes)
    },
    done: () => bar?.finish(),
  }
}

/** Prints what became of refs that were fetched; those that stayed only with `--verbose`. */
export function showFetchedRefs(context: Context, refs: readonly FetchedRef[]): void {
  for (const { name, remoteName, before, after, outcome } of refs) {
    if (context.quiet || (outcome === 'same' && !context.verbose)) continue
    const flag = { new: '*', forward: ' ', forced: '+', same: '=', deleted: '-', kept: '!' }[outcome]
    context.stdout.line(` ${flag} ${whatMoved(before, after, outcome, remoteName).padEnd(24)} ${shortRefName(remoteName).padEnd(14)} -> ${shortRefName(name)}${remark(outcome)}`)
  }
}

/** A line a ref for programs. */
export function fetchedRefToJson({ name, remoteName, before, after, outcome }: FetchedRef): object {
  return { ref: name, remoteRef: remoteName, before: before ?? null, after: after ?? null, outcome }
}

/** The line at the end of every transfer: what travelled, what did not have to, and in how many rounds. */
export function transferSummary(counts: Readonly<FrameCounts>, saved: number): string {
  const thin = saved > 0 ? `; ${formatSize(saved)} were there already` : ''
  return `sent ${formatSize(counts.bytesOut)}, received ${formatSize(counts.bytesIn)}${thin}; ${formatAmount(counts.rounds, 'round')}`
}

function whatMoved(before: FetchedRef['before'], after: FetchedRef['after'], outcome: FetchedRef['outcome'], remoteName: string): string {
  if (outcome === 'new') return remoteName.startsWith('refs/tags/') ? '[new tag]' : '[new branch]'
  if (outcome === 'deleted') return '[gone]'
  if (outcome === 'same') return '[up to date]'
  if (outcome === 'kept') return '[another tag]'
  return `${shortId(before!)}${outcome === 'forced' ? '...' : '..'}${shortId(after!)}`
}

function remark(outcome: FetchedRef['outcome']): string {
  if (outcome === 'forced') return '  (its history was rewritten)'
  return outcome === 'kept' ? '  (yours stays; delete it to take theirs)' : ''
}

import { pathToText, type BytePath } from '../bytes.ts'
import type { MergeState, OpenConflict } from './merge-state.ts'
import { howToFinish } from './refuse.ts'

/** A merge in progress in words, for whoever shows it. */
export interface MergeDescription {
  /** What is going on, as a sentence without a full stop. */
  headline: string
  /** What to do next: commands, each with what it is for. */
  advice: { command: string; meaning: string }[]
  conflicts: ConflictDescription[]
}

export interface ConflictDescription {
  path: BytePath
  /** What happened on the two sides, in a few words. */
  text: string
  /** Where their version lies, to be opened beside ours. */
  beside: BytePath | undefined
  /** Bytes; absent where a side has no file. */
  oursSize: number | undefined
  theirsSize: number | undefined
}

/** Says what a merge in progress waits for. */
export function describeMerge(state: MergeState): MergeDescription {
  return { headline: headlineOf(state), advice: adviceOf(state), conflicts: state.conflicts.map((conflict) => describeConflict(conflict, state.theirName)) }
}

/** Says what the two sides did to a file in conflict; `theirName` is what the other side is called. */
export function describeConflict(conflict: OpenConflict, theirName: string): ConflictDescription {
  const { path, beside, ours, theirs } = conflict
  return { path, text: textOf(conflict, theirName), beside, oursSize: ours?.size, theirsSize: theirs?.size }
}

function headlineOf(state: MergeState): string {
  const { command, theirName, conflicts, todo, phase } = state
  const doing = {
    merge: `a merge of '${theirName}'`,
    'cherry-pick': theirName === '' ? 'a cherry-pick' : `a cherry-pick of ${theirName}`,
    revert: theirName === '' ? 'a revert' : `a revert of ${theirName}`,
    stash: 'applying a stash entry',
  }[command]
  if (phase !== 'open') return `${doing} was interrupted half-way`
  const left = conflicts.length === 0 ? '' : conflicts.length === 1 ? ': 1 file in conflict' : `: ${conflicts.length} files in conflict`
  const more = todo.length === 0 ? '' : todo.length === 1 ? ', 1 commit to follow' : `, ${todo.length} commits to follow`
  return `${doing} is in progress${left}${more}`
}

function adviceOf(state: MergeState): MergeDescription['advice'] {
  const { command, conflicts, phase } = state
  const abort = { command: `dits ${command} --abort`, meaning: 'to give it up' }
  if (phase !== 'open') return [{ command: `dits ${command}`, meaning: 'again as before, to go on' }, abort]
  if (conflicts.length === 0) return [{ command: howToFinish(state), meaning: 'to finish it' }, abort]
  return [
    { command: 'dits resolve --ours|--theirs|--both FILE...', meaning: 'to take one side, or to keep both' },
    { command: 'dits add FILE...', meaning: 'once you have edited the file yourself' },
    abort,
  ]
}

function textOf({ reason, ours, theirs, path }: OpenConflict, theirName: string): string {
  const there = theirName === '' ? 'there' : `in ${theirName}`
  const movedTo = ({ path: to }: { path: BytePath }) => pathToText(to)
  switch (reason) {
    case 'both-changed':
      return 'changed on both sides'
    case 'both-added':
      return 'added on both sides'
    case 'deleted-by-us':
      return `deleted here, changed ${there}`
    case 'deleted-by-them':
      return `changed here, deleted ${there}`
    case 'file-directory':
      if (!ours) return 'its folder is a file here'
      return ours.kind === 'directory' ? `a folder here, a file ${there}` : `a file here, a folder ${there}`
    case 'renamed-twice':
      return `moved to ${movedTo(ours ?? { path })} here, to ${movedTo(theirs ?? { path })} ${there}`
  }
}

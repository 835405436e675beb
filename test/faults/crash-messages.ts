import type { FaultKind } from './fault-control.ts'

/** The commands that are tried; scenarios.ts says what they start from. */
export const scenarioNames = [
  'add of new files',
  'add of changed and removed files',
  'add in two threads',
  'the first commit',
  'commit',
  'commit -a',
  'init',
  'switch',
  'switch to a new branch',
  'switch with uncommitted work',
  'switch --force over uncommitted work',
  'reset --soft',
  'reset --mixed',
  'reset --hard over uncommitted work',
  'restore',
  'undo',
  'rm',
  'mv',
  'merge, fast-forward',
  'merge',
  'merge with a conflict',
  'merge --abort',
  'resolve',
  'commit of a merge',
  'cherry-pick',
  'revert',
  'stash',
  'stash pop',
  'branch -m',
  'tag -m',
  'clean',
  'gc',
  'fsck --rebuild-index',
] as const
export type ScenarioName = (typeof scenarioNames)[number]

/** What the test and the process that plays the faults tell each other. */
export interface CrashJob {
  scenario: ScenarioName
  kinds: readonly FaultKind[]
}

export interface CrashResult {
  /** Runs of the command with a fault that hit, by kind. */
  runs: Partial<Record<FaultKind, number>>
  /** What broke a promise, with the call that the fault hit. */
  failures: string[]
}

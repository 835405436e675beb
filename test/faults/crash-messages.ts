import type { FaultKind } from './fault-control.ts'

/** What the test and the process that plays the faults tell each other. */
export interface CrashJob {
  scenario: string
  kind: FaultKind
}

export interface CrashResult {
  /** Runs of the command with a fault that hit. */
  runs: number
  /** What broke a promise, with the call that the fault hit. */
  failures: string[]
}

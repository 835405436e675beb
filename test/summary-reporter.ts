import type { SerializedError } from 'vitest'
import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** How a run ended, by test. */
export interface TestSummary {
  passed: number
  failed: string[]
  /** Name and reason of each. */
  skipped: string[]
}

/** Keeps count for `npm test`, and hands the result to `done`. */
export function summaryReporter(done: (summary: TestSummary) => void): Reporter {
  return { onTestRunEnd: (modules, errors) => done(summarize(modules, errors)) }
}

/** A file that could not be loaded, or whose hooks failed, counts as one failed test; so does an error outside of tests. */
export function summarize(modules: readonly TestModule[], errors: readonly SerializedError[]): TestSummary {
  const summary: TestSummary = { passed: 0, failed: errors.map((error) => `outside of tests: ${error.message}`), skipped: [] }
  for (const module of modules) {
    const before = summary.failed.length
    for (const test of module.children.allTests()) countTest(summary, test)
    if (!module.ok() && summary.failed.length === before) summary.failed.push(`${module.relativeModuleId}: ${firstError(module)}`)
  }
  return summary
}

function countTest(summary: TestSummary, test: TestCase): void {
  const result = test.result()
  const name = `${test.module.relativeModuleId}: ${test.fullName}`
  if (result.state === 'passed') summary.passed++
  else if (result.state === 'failed') summary.failed.push(name)
  else summary.skipped.push(`${name} (${('note' in result && result.note) || 'its condition does not hold here'})`)
}

function firstError(module: TestModule): string {
  const suites = [module, ...module.children.allSuites()]
  return suites.flatMap((suite) => suite.errors())[0]?.message ?? 'failed without a word'
}

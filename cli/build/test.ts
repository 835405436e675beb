import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { startVitest } from 'vitest/node'
import { hasTool, testTools, type TestTool } from '../../test/tool-list.ts'
import { summaryReporter, type TestSummary } from '../../test/summary-reporter.ts'
import { root } from './bundle.ts'

/** `npm test`: tools, types, then every test; the last line counts them. */
async function main(): Promise<void> {
  provideTools()
  offerRealMedia()
  const typesFit = checkTypes()
  const summary = await runTests(process.argv.slice(2))
  if (typesFit) summary.passed++
  else summary.failed.push('types: tsc -p .')
  printSummary(summary)
  process.exit(summary.failed.length > 0 ? 1 : 0)
}

/** Installs missing programs where that is possible without asking; otherwise says what is missing. */
function provideTools(): void {
  const missing = (Object.keys(testTools) as TestTool[]).filter((tool) => !hasTool(tool))
  if (missing.length === 0) return
  const packages = [...new Set(missing.map((tool) => testTools[tool]))]
  const isRoot = process.getuid?.() === 0
  if (!isRoot || !existsSync('/usr/bin/apt-get')) {
    console.log(`test: some tests will be skipped without: ${missing.join(', ')} (apt-get install ${packages.join(' ')})`)
    return
  }
  console.log(`test: installing ${packages.join(', ')}`)
  if (aptGet('install', '-y', '--no-install-recommends', ...packages)) return
  aptGet('update')
  // One by one, so that a package that cannot be had does not keep the others away.
  for (const name of packages) {
    if (!aptGet('install', '-y', '--no-install-recommends', name)) console.log(`test: ${name} cannot be installed; its tests will be skipped`)
  }
}

function aptGet(...parameters: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync('apt-get', ['-qq', ...parameters], { stdio: 'ignore', env }).status === 0
}

/** Real recordings and project files may lie beside the clone; they are too large to be part of it. */
function offerRealMedia(): void {
  const beside = resolve(root, '../shared/real-media')
  if (!process.env['DITS_REAL_MEDIA'] && existsSync(beside)) process.env['DITS_REAL_MEDIA'] = beside
}

function checkTypes(): boolean {
  try {
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', root], { stdio: 'inherit' })
    return true
  } catch {
    return false
  }
}

async function runTests(filters: string[]): Promise<TestSummary> {
  const result = Promise.withResolvers<TestSummary>()
  const vitest = await startVitest('test', filters, {
    root,
    run: true,
    watch: false,
    reporters: ['default', summaryReporter(result.resolve)],
  })
  await vitest.close()
  return result.promise
}

function printSummary({ passed, failed, skipped }: TestSummary): void {
  for (const name of skipped) console.log(`skipped  ${name}`)
  for (const name of failed) console.log(`failed   ${name}`)
  console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`)
}

await main()

import { describe, inject } from 'vitest'
import { hasTool, testTools } from '../tool-list.ts'
import { cephTools, type CephAnswer } from './ceph.ts'

/** Tests that need an S3 server; where it cannot be had they are skipped, and their names say why. */
export function describeWithCeph(name: string, tests: () => void): void {
  const missing = whatIsMissing()
  if (missing === undefined) describe(name, tests)
  else describe.skip(`${name} (${missing})`, tests)
}

/** The S3 server of this run of tests, started where nobody has asked for it before. Throws where it does not start. */
export async function useCeph(): Promise<CephAnswer> {
  const response = await fetch(`${inject('servicesUrl')}/ceph`)
  if (!response.ok) throw new Error(`Ceph does not start: ${await response.text()}`)
  return (await response.json()) as CephAnswer
}

function whatIsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs to be root, to run Ceph'
  const missing = cephTools.filter((tool) => !hasTool(tool))
  return missing.length === 0 ? undefined : missing.map((tool) => `needs ${tool}: apt-get install ${testTools[tool]}`).join('; ')
}

import { checkRepository, type CheckReport } from '../core/check/check.ts'
import { openCheckable } from '../core/check/checkable.ts'
import { DitsError } from '../core/errors.ts'
import type { Administration } from '../server/administration.ts'
import { checkJson, printCheck } from './check-text.ts'
import type { Context } from './context.ts'
import { describeWorld } from './open-repo.ts'

/**
 * Checks repositories of a server, all where none is named, while servers
 * serve them. Answers whether all are sound. Throws `unknown-repository` before
 * anything is checked; what cannot be read of one is a problem of that one.
 */
export async function checkRepositories(context: Context, administration: Administration, names: readonly string[], options: { full: boolean }): Promise<boolean> {
  const { repositories } = administration
  for (const name of names) await repositories.read(name)
  const all = names.length > 0 ? names : (await Array.fromAsync(repositories.list())).map(({ name }) => name)
  const env = await describeWorld(context)
  let areSound = true
  for (const name of all) {
    const report = await checkOne(async () => checkRepository(await openCheckable(repositories.contentOf(name), env), options))
    areSound &&= report.problems.length === 0
    if (context.json) context.stdout.json({ name, ...checkJson(report) })
    else {
      if (!context.quiet || report.problems.length > 0) context.stdout.line(`${name}:`)
      printCheck(context, report, options.full ? undefined : 'dits server fsck --full')
    }
  }
  return areSound
}

async function checkOne(check: () => Promise<CheckReport>): Promise<CheckReport> {
  try {
    return await check()
  } catch (error) {
    if (!(error instanceof DitsError)) throw error
    return { packs: 0, objects: 0, bytes: 0, ghosts: 0, problems: [{ code: error.code, message: error.message, files: [] }] }
  }
}

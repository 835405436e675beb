import { pathToText } from '../core/bytes.ts'
import { hydratePaths } from '../core/ghosts/hydrate.ts'
import type { Repo } from '../core/repo.ts'
import type { Context } from './context.ts'
import { formatAmount, formatSize, quotePath } from './format.ts'
import { pathspecOf } from './revisions.ts'

/** Brings the content of ghosts, all where no path is given, and prints what came; answers the exit code, 1 where files were left alone. */
export async function hydrateFiles(context: Context, repo: Repo, paths: readonly string[], { dryRun }: { dryRun: boolean }): Promise<number> {
  const { files, bytes, missingBytes, changed } = await hydratePaths(repo, pathspecOf(context, repo, [...paths]), { dryRun })
  const exitCode = changed.length > 0 ? 1 : 0
  if (context.json) {
    context.stdout.json({ files: files.map(({ path, size }) => ({ path: pathToText(path), size })), bytes, missingBytes, changed: changed.map(pathToText) })
    return exitCode
  }
  if (dryRun || context.verbose) for (const { path, size } of files) context.stdout.line(`${quotePath(path)}  ${formatSize(size)}`)
  if (changed.length > 0) context.warn(`left alone, because it was changed here: ${changed.slice(0, 5).map(quotePath).join(', ')}${changed.length > 5 ? ', ...' : ''}`)
  if (context.quiet) return exitCode
  const come = `${formatAmount(files.length, 'file')}, ${formatSize(bytes)}`
  if (files.length === 0) context.stdout.line(changed.length > 0 ? 'Nothing was hydrated.' : paths.length > 0 ? 'No ghosts among these: they have their content.' : 'No ghosts here: every file has its content.')
  else if (dryRun) context.stdout.line(`${come}; at most ${formatSize(missingBytes)} would have to come.`)
  else context.stdout.line(`Hydrated ${come}.`)
  return exitCode
}

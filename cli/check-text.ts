import { pathToText } from '../core/bytes.ts'
import type { CheckReport } from '../core/check/check.ts'
import type { Context } from './context.ts'
import { formatAmount, formatCount, formatSize, quotePath } from './format.ts'
import { shortId } from './revisions.ts'

/** A report of a check as the value that `--json` prints. */
export function checkJson({ packs, objects, bytes, ghosts, problems }: CheckReport): object {
  const shown = problems.map((problem) => ({
    code: problem.code,
    message: problem.message,
    object: problem.object ?? null,
    chunks: problem.chunks ?? null,
    files: problem.files.map(({ path, commit }) => ({ path: pathToText(path), commit: commit ?? null })),
  }))
  return { packs, objects, bytes, ghosts, problems: shown }
}

/** Prints what is wrong, with the files that it touches, or that nothing is; `fullCheck` is the command that would check more, where there is one. */
export function printCheck(context: Context, { packs, objects, bytes, problems }: CheckReport, fullCheck: string | undefined): void {
  for (const { code, message, files } of problems) {
    context.stdout.line(`${context.colors.red(code)}: ${message}`)
    for (const { path, commit } of files) context.stdout.line(`  touches ${quotePath(path)}${commit ? ` (in ${shortId(commit)})` : ''}`)
  }
  if (problems.length > 0) context.stdout.line(`${formatAmount(problems.length, 'problem')} found. What is not named above is sound.`)
  else if (!context.quiet) {
    const checked = fullCheck === undefined ? 'every byte verified' : `links and lengths verified; ${fullCheck} reads every byte`
    context.stdout.line(`No problems: ${formatCount(objects)} objects, ${formatSize(bytes)} in ${formatAmount(packs, 'pack')} (${checked}).`)
  }
}

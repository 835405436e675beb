import { pathToText, type BytePath } from '../core/bytes.ts'
import { indexEntries } from '../core/staging/spec-entries.ts'
import type { Pathspec } from '../core/staging/pathspec.ts'
import type { Index } from '../core/worktree/index-file.ts'
import type { Context } from './context.ts'
import { listItem } from './format.ts'
import { seenFrom } from './revisions.ts'

/** What is to be listed, and from which folder it is seen. */
export interface Listed {
  spec: Pathspec
  prefix: BytePath
}

/** Lists the tracked files whose content is not in the working tree; with `--json` a line {path, size} for each. */
export function listGhosts(context: Context, index: Index, { spec, prefix }: Listed): void {
  for (const i of indexEntries(index, spec)) {
    if (!index.isGhostAt(i)) continue
    const path = seenFrom(prefix, index.pathAt(i))
    if (context.json) context.stdout.json({ path: pathToText(path), size: index.sizeAt(i) })
    else context.stdout.write(listItem(path, context.nul))
  }
}

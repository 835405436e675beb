import { createHash } from 'node:crypto'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rootPath } from '../../core/bytes.ts'
import { commitStaged } from '../../core/changing/commit.ts'
import { ContentReader } from '../../core/checkout/content-reader.ts'
import { decodeCommit } from '../../core/objects/commit.ts'
import type { Id } from '../../core/objects/id.ts'
import { walkTree } from '../../core/objects/tree-walk.ts'
import { closeRepo, initRepo, openRepo, type Environment, type Repo } from '../../core/repo.ts'
import { parsePathspec } from '../../core/staging/pathspec.ts'
import { addPaths } from '../../core/staging/stage.ts'
import { createRandom } from '../../fixtures/random.ts'

/** What the fault tests share: a small repository, and what it must hold. */

/** A world with a fixed clock and person. */
export function fixedEnvironment(changes: Partial<Environment> = {}): Environment {
  return {
    now: () => Date.parse('2024-05-01T12:00:00Z'),
    zoneMinutes: 0,
    threads: 1,
    person: { name: 'Ada', email: 'ada@example.org' },
    userConfig: '',
    userIgnore: '',
    command: 'dits test',
    ...changes,
  }
}

/** Stages everything in the working tree and commits it. */
export async function commitAll(repo: Repo, message: string): Promise<Id> {
  await addPaths(repo, parsePathspec([], rootPath))
  return (await commitStaged(repo, { message })).id
}

/**
 * Two commits on `main`: text, an executable, a link, an empty folder, and a
 * clip of 300 KB of which the second commit changes a part.
 */
export async function createSmallRepo(root: string, env = fixedEnvironment()): Promise<{ repo: Repo; first: Id; second: Id }> {
  await mkdir(root, { recursive: true })
  const repo = await initRepo(root, { branch: 'main', env })
  const clip = createRandom(7).bytes(300_000)
  await mkdir(join(root, 'shots', 'empty'), { recursive: true })
  await writeFile(join(root, 'notes.txt'), 'first cut\n'.repeat(400))
  await writeFile(join(root, 'shots', 'clip.mov'), clip)
  await writeFile(join(root, 'shots', 'same.txt'), 'the same in both\n')
  await writeFile(join(root, 'render.sh'), '#!/bin/sh\necho render\n')
  await chmod(join(root, 'render.sh'), 0o755)
  await symlink('shots/clip.mov', join(root, 'latest'))
  const first = await commitAll(repo, 'First cut')
  createRandom(8).bytes(40_000).copy(clip, 120_000)
  await writeFile(join(root, 'shots', 'clip.mov'), clip)
  await writeFile(join(root, 'notes.txt'), 'second cut\n'.repeat(400))
  await writeFile(join(root, 'graded.txt'), 'warm\n')
  const second = await commitAll(repo, 'Second cut')
  return { repo, first, second }
}

/** What a commit holds, read and verified: the kind and the SHA-256 of each file and link by path. */
export async function contentOf(repo: Repo, commit: Id): Promise<Record<string, string>> {
  const { tree } = decodeCommit(await repo.objects.read('commit', commit))
  const reader = new ContentReader(repo.objects)
  const content: Record<string, string> = {}
  for await (const { path, entry } of walkTree(repo.objects, tree)) {
    const hash = createHash('sha256')
    if (entry.kind !== 'directory') for await (const piece of reader.stream(entry)) hash.update(piece)
    content[path] = `${entry.kind} ${entry.kind === 'directory' ? '' : hash.digest('hex')}`
  }
  return content
}

/** Opens the repository in a folder afresh, and closes it however `work` ends. */
export async function withRepo<T>(root: string, work: (repo: Repo) => Promise<T>, env = fixedEnvironment()): Promise<T> {
  const repo = await openRepo(root, env)
  try {
    return await work(repo)
  } finally {
    await closeRepo(repo)
  }
}

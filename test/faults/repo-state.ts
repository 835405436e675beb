import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { joinPath, pathFromText, pathToFs, rootPath, type BytePath } from '../../core/bytes.ts'
import { readCurrentHead } from '../../core/changing/head.ts'
import { blake3Text } from '../../core/hash.ts'
import { readLiveMerge } from '../../core/merging/merge-state.ts'
import { decodeCommit } from '../../core/objects/commit.ts'
import type { Id } from '../../core/objects/id.ts'
import { walkTree } from '../../core/objects/tree-walk.ts'
import type { Repo } from '../../core/repo.ts'
import type { ObjectRef } from '../../core/reachable.ts'
import { findRoots } from '../../core/roots.ts'
import { readIndex } from '../../core/staging/stage.ts'
import { decodeIndex } from '../../core/worktree/index-file.ts'

/** What a command may change, as far as a person can tell. */
export interface RepoState {
  head: string
  refs: Record<string, Id>
  staged: Id | undefined
  merging: boolean
  /** Kind and hash of everything in the working tree, by path. */
  files: Record<string, string>
}

export async function readState(repo: Repo): Promise<RepoState> {
  const head = await repo.refs.readHead()
  const refs: Record<string, Id> = {}
  for await (const { name, id } of repo.refs.list('refs/')) refs[name] = id
  return {
    head: 'branch' in head ? head.branch : head.id,
    refs,
    staged: (await readIndex(repo))?.tree,
    merging: (await readLiveMerge(repo, (await readCurrentHead(repo)).id)) !== undefined,
    files: readWorktree(repo.root),
  }
}

/** Everything in a working tree without its repository and without what unfinished writes leave: 'file 1a2b…' by path. */
export function readWorktree(root: string): Record<string, string> {
  const files: Record<string, string> = {}
  const rootBytes = pathFromText(root)
  const open: BytePath[] = [rootPath]
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    for (const name of readdirSync(pathToFs(joinPath(rootBytes, folder)), { encoding: 'latin1' }).sort()) {
      if (name === '.dits' || name.startsWith('.dits-tmp-')) continue
      const path = joinPath(folder, name as BytePath)
      const onDisk = pathToFs(joinPath(rootBytes, path))
      const stat = lstatSync(onDisk)
      if (stat.isDirectory()) open.push(path)
      files[path] = stat.isDirectory()
        ? 'directory'
        : stat.isSymbolicLink()
          ? `symlink ${blake3Text(readlinkSync(onDisk, { encoding: 'buffer' }))}`
          : `${stat.mode & 0o100 ? 'executable' : 'file'} ${blake3Text(readFileSync(onDisk))}`
    }
  }
  return files
}

/** The hashes of all content that something in the repository refers to: refs, what is staged, the operation log. */
export async function reachableContent(repo: Repo): Promise<Set<string>> {
  const hashes = new Set<string>()
  const seen = new Set<Id>()
  const open: ObjectRef[] = await findRoots(repo)
  for (let root = open.pop(); root; root = open.pop()) {
    if (seen.has(root.id)) continue
    seen.add(root.id)
    if (root.kind === 'commit') {
      const commit = decodeCommit(await repo.objects.read('commit', root.id))
      open.push({ kind: 'tree', id: commit.tree }, ...commit.parents.map((id) => ({ kind: 'commit' as const, id })))
    } else if (root.kind === 'tree') {
      for await (const { entry } of walkTree(repo.objects, root.id)) hashes.add(entry.hash)
    }
  }
  return hashes
}

/** What of a working tree is neither on disk where it was nor anywhere in the repository: its paths. */
export async function lostWork(repo: Repo, before: RepoState['files']): Promise<string[]> {
  const now = readWorktree(repo.root)
  const missing = Object.entries(before).filter(([path, content]) => content !== 'directory' && now[path] !== content)
  if (missing.length === 0) return []
  const stored = await reachableContent(repo)
  return missing.filter(([, content]) => !stored.has(content.split(' ')[1]!)).map(([path]) => path)
}

/**
 * A digest of all that matters in a repository and its working tree. What
 * differs between two runs of the same command is passed over: the random part
 * of pack names, the folder's own path in the operation log, stat data in the
 * index. Of unfinished writes it has the sizes.
 */
export function fingerprint(root: string): string {
  const folder = join(root, '.dits')
  const parts = [JSON.stringify(readWorktree(root))]
  for (const entry of existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : []) {
    const path = join(entry.parentPath, entry.name).slice(folder.length + 1)
    if (!entry.isFile() || path.endsWith('lock')) continue
    if (/^tmp\/|\.dits-tmp-/.test(path)) parts.push(`unfinished ${statSync(join(folder, path)).size}`)
    else parts.push(`${path.replace(/-[0-9a-f]{12}-/, '-*-')} ${fingerprintOfValue(path, readFileSync(join(folder, path)), root)}`)
  }
  return blake3Text(Buffer.from(parts.sort().join('\n')))
}

function fingerprintOfValue(path: string, bytes: Buffer, root: string): string {
  if (path.startsWith('oplog/')) return bytes.toString('utf8').replace(/[0-9a-f]{64}\n$/, 'check').replaceAll(root, '')
  if (path === 'index') return decodeIndex(bytes).tree ?? ''
  return blake3Text(bytes)
}

import { changeConfigLocked } from '../change-config.ts'
import { setInConfig } from '../config.ts'
import { DitsError } from '../errors.ts'
import { isAncestor } from '../history/ancestry.ts'
import { encodeTag } from '../objects/tag.ts'
import type { Id, ObjectKind } from '../objects/id.ts'
import { checkRefName } from '../refs/refs.ts'
import { branchSettings, upstreamOf } from '../refs/upstream.ts'
import { currentPerson, openWriter, withLock, type Repo } from '../repo.ts'
import { readCurrentHead, shortRefName } from './head.ts'
import { applyChange } from './operation.ts'

/** Makes a branch at a commit; with `force` moves one that is there. Throws `branch-exists`, `bad-ref-name`. */
export async function createBranch(repo: Repo, name: string, id: Id, options: { force: boolean }): Promise<void> {
  const ref = `refs/heads/${name}`
  checkRefName(ref)
  await withLock(repo, async () => {
    const before = await repo.refs.read(ref)
    if (before && !options.force) throw new DitsError('branch-exists', `a branch '${name}' exists already`, { hint: 'move it with --force' })
    if (before && (await readCurrentHead(repo)).branch === ref) {
      throw new DitsError('branch-in-use', `'${name}' is the branch that you are on`, { hint: 'move it with: dits reset' })
    }
    await applyChange(repo, { refs: [{ name: ref, ...(before ? { before } : {}), after: id }] })
  })
}

/** Deletes a branch; without `force` only one whose commits are on the current branch too. Throws `branch-not-merged`. */
export async function deleteBranch(repo: Repo, name: string, options: { force: boolean }): Promise<Id> {
  const ref = `refs/heads/${name}`
  return withLock(repo, async () => {
    const before = await repo.refs.read(ref)
    if (!before) throw new DitsError('unknown-branch', `there is no branch '${name}'`, { hint: 'see: dits branch' })
    const current = await readCurrentHead(repo)
    if (current.branch === ref) throw new DitsError('branch-in-use', `'${name}' is the branch that you are on`, { hint: 'go to another first: dits switch' })
    if (!options.force && !(current.id && (await isAncestor(repo.objects, before, current.id)))) {
      throw new DitsError('branch-not-merged', `'${name}' has commits that the current branch has not`, {
        hint: `merge it, or delete it even so with: dits branch -D ${name} (dits undo brings it back)`,
      })
    }
    await applyChange(repo, { refs: [{ name: ref, before }] })
    return before
  })
}

/**
 * Renames a branch; HEAD follows where it stands on it, and it goes on following
 * what it follows. That is said of the old name, too, for undo.
 */
export async function renameBranch(repo: Repo, from: string, to: string, options: { force: boolean }): Promise<void> {
  const [source, target] = [`refs/heads/${from}`, `refs/heads/${to}`]
  checkRefName(target)
  await withLock(repo, async () => {
    const id = await repo.refs.read(source)
    const current = await readCurrentHead(repo)
    const head = current.branch === source ? { head: { before: current.head, after: { branch: target } } } : {}
    if (!id && !('head' in head)) throw new DitsError('unknown-branch', `there is no branch '${from}'`, { hint: 'see: dits branch' })
    if (source === target) return
    const there = await repo.refs.read(target)
    if (there && !options.force && !(await wasCutOff(repo, source, target))) throw new DitsError('branch-exists', `a branch '${to}' exists already`, { hint: 'replace it with: dits branch -M' })
    const moves = id ? [...(there === id ? [] : [{ name: target, ...(there ? { before: there } : {}), after: id }]), { name: source, before: id }] : []
    const upstream = upstreamOf(repo.config, source)
    if (upstream) {
      await changeConfigLocked(repo, (text, origin) => {
        const withRemote = setInConfig(text, `${branchSettings(target)}.remote`, upstream.remote, origin)
        return setInConfig(withRemote, `${branchSettings(target)}.merge`, upstream.branch, origin)
      })
    }
    await applyChange(repo, { refs: moves, ...head })
  })
}

/** True where the last operation was this renaming, and ended between making the new name and moving HEAD. */
async function wasCutOff(repo: Repo, source: string, target: string): Promise<boolean> {
  const [made, gone] = (await repo.oplog.latest())?.refs ?? []
  if (made?.name !== target || made.before !== undefined || gone?.name !== source || gone.after !== undefined) return false
  const left = await repo.refs.read(source)
  return (await repo.refs.read(target)) === made.after && (left === undefined || left === gone.before)
}

/** Sets the branch of a repository without commits. */
export async function moveUnbornHead(repo: Repo, branch: string): Promise<void> {
  await withLock(repo, async () => {
    const { head } = await readCurrentHead(repo)
    await applyChange(repo, { head: { before: head, after: { branch } } })
  })
}

export interface TagOptions {
  /** Makes an annotated tag with this message; without it, a plain name for the object. */
  message: string | undefined
  force: boolean
}

/** Names an object for good. Throws `tag-exists`, `bad-ref-name`. */
export async function createTag(repo: Repo, name: string, target: { id: Id; kind: ObjectKind }, options: TagOptions): Promise<Id> {
  const ref = `refs/tags/${name}`
  checkRefName(ref)
  return withLock(repo, async () => {
    const before = await repo.refs.read(ref)
    if (before && !options.force) throw new DitsError('tag-exists', `a tag '${name}' exists already`, { hint: 'replace it with --force' })
    let id = target.id
    if (options.message !== undefined) {
      const writer = await openWriter(repo)
      const tag = { targetKind: target.kind, target: target.id, name, tagger: currentPerson(repo), message: options.message }
      id = writer.write('tag', encodeTag(tag))
      await writer.flush()
    }
    await applyChange(repo, { refs: [{ name: ref, ...(before ? { before } : {}), after: id }] })
    return id
  })
}

/** Deletes a tag, and answers what it named. Throws `unknown-tag`. */
export async function deleteTag(repo: Repo, name: string): Promise<Id> {
  const ref = `refs/tags/${name}`
  return withLock(repo, async () => {
    const before = await repo.refs.read(ref)
    if (!before) throw new DitsError('unknown-tag', `there is no tag '${shortRefName(ref)}'`, { hint: 'see: dits tag' })
    await applyChange(repo, { refs: [{ name: ref, before }] })
    return before
  })
}

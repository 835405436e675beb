import { comparePaths, pathFromText } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import type { Id } from '../objects/id.ts'
import type { ByteStore, PutCondition } from '../store/byte-store.ts'
import { checkNewRefName, checkRefName, foldersOfName, refKey, refKeyPrefix, refNameOfKey, shortRefName } from './ref-name.ts'

export { checkRefName, isRefName } from './ref-name.ts'

/** Where HEAD stands: on a branch, by its full name ('refs/heads/main'), which may have no commit yet; or on a commit. */
export type Head = { branch: string } | { id: Id }

/**
 * Names for objects. Over a ByteStore and nothing else: the store's
 * compare-and-set is what makes a move safe against every other process.
 *
 * A deleted ref leaves a mark under its key, because a ByteStore cannot delete
 * on condition: whoever deleted after looking could remove what another had
 * just put there. A mark is replaced like any value, by compare-and-set, when
 * the name is used again.
 */
export interface Refs {
  /** The id that a ref names; `undefined` where it does not exist. Throws `ref-damaged`, `bad-ref-name`. */
  read(name: string): Promise<Id | undefined>
  /**
   * All refs whose names start with `prefix` (such as 'refs/heads/'), by name
   * in byte order of UTF-8. The names are in memory, the ids are read as they
   * are asked for. Throws `ref-damaged` where it comes to a damaged one.
   */
  list(prefix: string): AsyncIterable<{ name: string; id: Id }>
  /**
   * Moves a ref from `before` (`undefined`: it must not exist) to `after`
   * (`undefined`: it is deleted). Throws `ref-moved` where it is not at
   * `before`, `ref-conflict` where the new name has another ref's name as a
   * folder or is one (of two that are created at the same instant, at most one
   * stays), `ref-damaged`, `bad-ref-name`.
   */
  move(name: string, before: Id | undefined, after: Id | undefined): Promise<void>
  /** Throws `ref-damaged` where HEAD is missing or not readable. */
  readHead(): Promise<Head>
  writeHead(head: Head): Promise<void>
}

export function createRefs(store: ByteStore): Refs {
  return {
    read: async (name) => {
      checkRefName(name)
      return (await readRef(store, name)).id
    },
    list: (prefix) => listRefs(store, prefix),
    move: async (name, before, after) => {
      if (before === undefined) checkNewRefName(name)
      else checkRefName(name)
      await moveRef(store, name, before, after)
    },
    readHead: () => readHead(store),
    writeHead: async (head) => {
      if ('branch' in head) checkBranchName(head.branch)
      await store.put(headKey, Buffer.from('branch' in head ? `ref: ${head.branch}\n` : `${head.id}\n`))
    },
  }
}

const headKey = 'HEAD'
const deletedText = 'deleted\n'
const idLine = /^([0-9a-f]{64})\n$/
const headLine = /^ref: (refs\/heads\/.+)\n$/
/** Refs that `list` reads at the same time. */
const readsAtOnce = 16

/** What the store holds for a ref: where `id` is absent the ref does not exist, and the version is that of the mark, if any. */
interface FoundRef {
  id: Id | undefined
  version: string | undefined
}

async function readRef(store: ByteStore, name: string): Promise<FoundRef> {
  const stored = await store.get(refKey(name))
  if (!stored) return { id: undefined, version: undefined }
  const text = Buffer.from(stored.bytes).toString('latin1')
  if (text === deletedText) return { id: undefined, version: stored.version }
  const id = idLine.exec(text)?.[1]
  if (id === undefined) throw damaged(name)
  return { id: id as Id, version: stored.version }
}

async function* listRefs(store: ByteStore, prefix: string): AsyncIterable<{ name: string; id: Id }> {
  const names: string[] = []
  for await (const key of store.list(refKeyPrefix(prefix))) {
    const name = refNameOfKey(key)
    // A key that is no ref's was not put there by dits (a desktop's leavings).
    if (name?.startsWith(prefix)) names.push(name)
  }
  // Escapes sort differently from the bytes that they stand for.
  names.sort((a, b) => comparePaths(pathFromText(a), pathFromText(b)))
  for (let start = 0; start < names.length; start += readsAtOnce) {
    const batch = names.slice(start, start + readsAtOnce)
    const found = await Promise.all(batch.map((name) => readRef(store, name)))
    for (const [i, name] of batch.entries()) {
      const id = found[i]?.id
      if (id !== undefined) yield { name, id }
    }
  }
}

async function moveRef(store: ByteStore, name: string, before: Id | undefined, after: Id | undefined): Promise<void> {
  const isNew = before === undefined && after !== undefined
  if (isNew) await checkConflict(store, name)
  for (;;) {
    const found = await readRef(store, name)
    if (found.id !== before) throw moved(name, found.id)
    if (before === after) return
    if (await store.put(refKey(name), encodeRef(after), conditionOf(found))) break
    // Someone was faster. Where the ref is at `before` all the same (a mark came instead of nothing), the move still holds.
  }
  if (isNew) await withdrawOnConflict(store, name, after)
}

function encodeRef(id: Id | undefined): Uint8Array {
  return Buffer.from(id === undefined ? deletedText : `${id}\n`)
}

function conditionOf(found: FoundRef): PutCondition {
  return { if: found.version === undefined ? 'absent' : { version: found.version } }
}

/**
 * Looks again after creating. Of two refs that were created at the same
 * instant, one in the other's folder, the one put later sees the other here;
 * both may, and then none stays. The new ref is taken back only where it still
 * is what was put: what others moved since is theirs.
 */
async function withdrawOnConflict(store: ByteStore, name: string, id: Id): Promise<void> {
  try {
    await checkConflict(store, name)
  } catch (error) {
    const found = await readRef(store, name)
    if (found.id === id) await store.put(refKey(name), encodeRef(undefined), conditionOf(found))
    throw error
  }
}

async function checkConflict(store: ByteStore, name: string): Promise<void> {
  for (const folder of foldersOfName(name)) {
    if ((await readRef(store, folder)).id !== undefined) throw conflict(name, folder)
  }
  for await (const below of listRefs(store, `${name}/`)) throw conflict(name, below.name)
}

async function readHead(store: ByteStore): Promise<Head> {
  const stored = await store.get(headKey)
  if (!stored) throw damaged(headKey)
  try {
    return parseHead(new TextDecoder('utf-8', { fatal: true }).decode(stored.bytes))
  } catch (error) {
    throw damaged(headKey, error)
  }
}

function parseHead(text: string): Head {
  const id = idLine.exec(text)?.[1]
  if (id !== undefined) return { id: id as Id }
  const branch = headLine.exec(text)?.[1] ?? ''
  checkRefName(branch)
  return { branch }
}

function checkBranchName(name: string): void {
  checkRefName(name)
  if (!name.startsWith('refs/heads/')) {
    throw new DitsError('bad-ref-name', `'${name}' is not a branch`, { hint: "HEAD stands on names that start with 'refs/heads/'" })
  }
}

function moved(name: string, now: Id | undefined): DitsError {
  const where = now === undefined ? 'it does not exist' : `it is at ${now.slice(0, 12)}`
  return new DitsError('ref-moved', `'${shortRefName(name)}' is not where it was expected: ${where}`, {
    hint: 'another command has moved it; look at it, then run this one again',
  })
}

function conflict(name: string, other: string): DitsError {
  return new DitsError('ref-conflict', `'${shortRefName(name)}' cannot exist beside '${shortRefName(other)}'`, { hint: `choose another name, or delete '${shortRefName(other)}' first` })
}

function damaged(name: string, cause?: unknown): DitsError {
  return new DitsError('ref-damaged', `'${name}' is damaged`, {
    hint: 'run: dits fsck; the operation log tells where it was',
    ...(cause === undefined ? {} : { cause }),
  })
}

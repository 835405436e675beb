import { existsSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { randomBytes } from 'node:crypto'
import { pathFromText, type BytePath } from './bytes.ts'
import { mergeConfigs, parseConfig, type Config } from './config.ts'
import { DitsError } from './errors.ts'
import { createSupply, type ContentSource, type ContentSupply } from './ghosts/content-source.ts'
import type { ContentMerger } from './history/merge-trees.ts'
import { createOpLog, type OpLog } from './oplog.ts'
import type { Person } from './objects/commit.ts'
import { beginWriting, PackedWriter } from './pack/packed-writer.ts'
import { PackedObjects } from './pack/packed-objects.ts'
import { createRefs, type Refs } from './refs/refs.ts'
import type { ByteStore } from './store/byte-store.ts'
import { DiskStore } from './store/disk-store.ts'
import { acquireFileLock } from './store/file-lock.ts'
import { noFile } from './store/open-files.ts'

/** What core needs to know of the world, passed in by whoever runs it. */
export interface Environment {
  /** Milliseconds since 1970. */
  now(): number
  /** Minutes east of UTC, for commits. */
  zoneMinutes: number
  /** Threads that long work may use. */
  threads: number
  /** Who commits; a repository's or user's configuration comes before it where it is set. */
  person: { name: string; email: string }
  /** Who commits this time, before any configuration. */
  author?: { name: string | undefined; email: string | undefined } | undefined
  /** Text of the user's own configuration and ignore files; '' where there are none. */
  userConfig: string
  userIgnore: string
  /** The folder in which the person stands, absolute: it is never removed under them. */
  cwd?: string | undefined
  /** The command as typed, for the operation log. */
  command: string
  /** How the content of files that both sides of a merge changed is merged, where file types allow it. What it names has been stored. */
  mergeContent?: ((repo: Repo) => ContentMerger) | undefined
  /** Reaches whoever has the content that a partial repository lacks; called when it is first needed. */
  openContentSource?: (() => Promise<ContentSource>) | undefined
  signal?: AbortSignal | undefined
  onProgress?: ((progress: Progress) => void) | undefined
  /** Called with what a person should know, though the command goes on. */
  onWarning?: ((warning: string) => void) | undefined
}

/** How far long work has come. Totals are absent where they are not known. */
export interface Progress {
  /** What is done: 'reading', 'writing', 'checking'. */
  task: string
  bytes: number
  bytesTotal?: number | undefined
  files?: number | undefined
  filesTotal?: number | undefined
  path?: BytePath | undefined
}

/** An open repository. */
export interface Repo {
  /** The working tree's absolute path, as text and as bytes. */
  readonly root: string
  readonly rootBytes: BytePath
  /** The absolute path of its `.dits` folder. */
  readonly folder: string
  readonly store: DiskStore
  readonly objects: PackedObjects
  readonly refs: Refs
  readonly oplog: OpLog
  /** Defaults, then the user's, then the repository's own configuration. */
  readonly config: Config
  /** Where content comes from that is not here. */
  readonly content: ContentSupply
  readonly env: Environment
}

const folderName = '.dits'
const formatKey = 'format'
const formatText = 'dits repository, format 1\n'
const lockWaitMs = 60_000
/** Values that a store would take for absent where they are folders. */
const valueKeys = [formatKey, 'HEAD', 'config', 'index', 'merge', 'oplog-first']

/** Creates an empty repository in `root` with `branch` as its first branch. Throws `already-a-repository`. */
export async function initRepo(root: string, options: { branch: string; env: Environment }): Promise<Repo> {
  const folder = path.join(root, folderName)
  if (existsSync(path.join(folder, formatKey))) {
    throw new DitsError('already-a-repository', `'${root}' is a dits repository already`, { hint: 'run: dits status' })
  }
  await mkdir(folder, { recursive: true })
  const store = await DiskStore.open(folder)
  await initStore(store, options.branch)
  return openStore(root, folder, store, options.env)
}

/** Makes an empty repository of a store that holds none, with `branch` ('main') as its first branch. Again after a crash it does the rest. */
export async function initStore(store: ByteStore, branch: string): Promise<void> {
  await createRefs(store).writeHead({ branch: `refs/heads/${branch}` })
  await store.put('config', Buffer.from(''), { if: 'absent' })
  // Last, because this is what makes it a repository.
  await store.put(formatKey, Buffer.from(formatText), { if: 'absent' })
}

/** Whether a store holds a repository. Throws `unsupported-version` where it is of a format that this dits does not read; `subject` is what people call it. */
export async function holdsRepository(store: ByteStore, subject: string): Promise<boolean> {
  const format = await store.get(formatKey)
  if (format === undefined) return false
  if (Buffer.from(format.bytes).toString() !== formatText) throw unsupportedFormat(subject)
  return true
}

/** The root of the repository that holds `start`; `undefined` where none does. */
export function findRepoRoot(start: string): string | undefined {
  for (let folder = path.resolve(start); ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, folderName, formatKey))) return folder
    if (path.dirname(folder) === folder) return undefined
  }
}

/** Opens the repository that holds `start`. Throws `not-a-repository`, `unsupported-version` and `store-damaged`. */
export async function openRepo(start: string, env: Environment): Promise<Repo> {
  const root = findRepoRoot(start)
  if (root === undefined) {
    throw new DitsError('not-a-repository', `'${start}' is not in a dits repository`, { hint: 'run: dits init' })
  }
  const folder = path.join(root, folderName)
  return openStore(root, folder, await DiskStore.open(folder), env)
}

async function openStore(root: string, folder: string, store: DiskStore, env: Environment): Promise<Repo> {
  for (const key of valueKeys) {
    const place = path.join(folder, key)
    if (statSync(place, { throwIfNoEntry: false })?.isFile() === false) throw noFile(place)
  }
  if (!(await holdsRepository(store, folder))) throw unsupportedFormat(folder)
  const stored = await openStored(store, { subject: path.join(folder, 'config'), userConfig: parseConfig(env.userConfig, 'user configuration') })
  return { root, rootBytes: pathFromText(root), folder, ...stored, store, content: createSupply(env.openContentSource), env }
}

/** What a store alone holds of a repository: also of one that has no working tree, such as a server's. */
export interface StoredRepo extends Pick<Repo, 'objects' | 'refs' | 'oplog' | 'config'> {
  readonly store: ByteStore
}

/** The repository in a store; `subject` names its configuration in messages. Throws `config-damaged` and what reading the store throws. */
export async function openStored(store: ByteStore, { subject = 'config', userConfig }: { subject?: string; userConfig?: Config } = {}): Promise<StoredRepo> {
  const own = await store.get('config')
  const config = parseConfig(own ? Buffer.from(own.bytes).toString('utf8') : '', subject)
  return {
    store,
    objects: await PackedObjects.open(store),
    refs: createRefs(store),
    oplog: createOpLog(store),
    config: mergeConfigs(userConfig ? [userConfig, config] : [config]),
  }
}

function unsupportedFormat(subject: string): DitsError {
  return new DitsError('unsupported-version', `'${subject}' is not of a format that this dits reads`, { hint: 'use a newer dits' })
}

/** Closes a repository and, where it was opened, what content came from. */
export async function closeRepo(repo: Repo): Promise<void> {
  await repo.content.close()
  await repo.store.close()
}

/**
 * Runs `work` while no other dits changes this repository's working tree,
 * index or refs. Reading needs no lock. Throws `repository-busy` where another
 * command holds the lock for long.
 */
export async function withLock<T>(repo: Repo, work: () => Promise<T>, options: { waitMs?: number } = {}): Promise<T> {
  const lock = await acquireFileLock(path.join(repo.folder, 'worktree.lock'), {
    waitMs: options.waitMs ?? lockWaitMs,
    ...(options.waitMs === 0 ? {} : { onWait: () => repo.env.onWarning?.('waiting for another dits command in this repository to finish') }),
    ...(repo.env.signal ? { signal: repo.env.signal } : {}),
  })
  try {
    // Whoever held the lock before may have removed packs: what was listed then is not there to rely on.
    await repo.objects.refresh()
    return await work()
  } finally {
    lock.release()
  }
}

/** A name that no other session of writing has, and that sorts by time. */
export function newSessionName(repo: { env: Pick<Environment, 'now'> }): string {
  return `${repo.env.now().toString(16).padStart(12, '0')}-${randomBytes(6).toString('hex')}`
}

/** A writer for a few objects: trees, commits, tags. The caller flushes it. */
export async function openWriter(repo: Repo, objects = 64): Promise<PackedWriter> {
  const session = await beginWriting(repo.objects.packs, { name: newSessionName(repo), objects })
  return new PackedWriter(repo.store, repo.objects.packs, session)
}

/** Who commits now: who was said to this time, else who the configuration names, else whoever is at the machine. */
export function currentPerson(repo: Repo): Person {
  return {
    name: repo.env.author?.name ?? repo.config.get('user.name') ?? repo.env.person.name,
    email: repo.env.author?.email ?? repo.config.get('user.email') ?? repo.env.person.email,
    timeMs: repo.env.now(),
    zoneMinutes: repo.env.zoneMinutes,
  }
}

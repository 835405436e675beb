import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { acquireFileLock, DiskStore, DitsError, hasCode, type ByteStore } from '#core'

const formatKey = 'auth/format'
const formatText = 'dits server, format 1\n'

/** Everything that a server keeps. */
export interface ServerData {
  readonly store: ByteStore
  /** The folder on disk; `undefined` where the data lie in a bucket. */
  readonly folder: string | undefined
  /** Removes what interrupted writes left more than a day before `nowMs`. Answers how much that was. */
  sweep(nowMs: number): Promise<number>
  /** Lets go of it. */
  close(): Promise<void>
}

/**
 * Opens a server's data, in a folder or at an address such as
 * `s3://bucket/prefix`, for looking and for changes by the administration,
 * also while servers run. Throws `not-server-data` where there are none, and
 * `unsupported-version`.
 */
export async function openData(location: string): Promise<ServerData> {
  const data = await openLocation(location)
  try {
    if (!(await holdsServerData(data.store, location))) {
      throw new DitsError('not-server-data', `'${location}' holds no data of a dits server`, {
        hint: `name the place with --data or in DITS_SERVER_DATA; a new one is made by: dits serve --data ${location}`,
      })
    }
    return data
  } catch (error) {
    await data.close()
    throw error
  }
}

/**
 * Opens a server's data to serve them, and makes them where there are none. A
 * folder has one server at a time; a bucket may have several. Throws
 * `data-folder-busy`, `unsupported-version`.
 */
export async function openDataToServe(location: string): Promise<ServerData> {
  const data = await openLocation(location)
  try {
    const lock = data.folder === undefined ? undefined : await lockFolder(data.folder)
    if (!(await holdsServerData(data.store, location))) await data.store.put(formatKey, Buffer.from(formatText), { if: 'absent' })
    return {
      ...data,
      async close() {
        await data.close()
        lock?.release()
      },
    }
  } catch (error) {
    await data.close()
    throw error
  }
}

async function openLocation(location: string): Promise<ServerData> {
  if (location.startsWith('s3:')) return openBucket(location)
  const folder = resolve(location)
  const store = await DiskStore.open(folder)
  return { store, folder, sweep: (nowMs) => store.sweepTemporary(nowMs), close: () => store.close() }
}

async function openBucket(location: string): Promise<ServerData> {
  const { parseS3Url } = await import('./s3-url.ts')
  const { S3Store } = await import('./s3-store.ts')
  const store = await S3Store.open(parseS3Url(location))
  return { store, folder: undefined, sweep: (nowMs) => store.sweepUnfinished(nowMs), close: async () => store.close() }
}

async function lockFolder(folder: string): Promise<{ release(): void }> {
  // What the repositories hold is for the server's eyes; a folder that is there already keeps its permissions.
  await mkdir(folder, { recursive: true, mode: 0o700 })
  try {
    return await acquireFileLock(join(folder, 'server.lock'), { waitMs: 0 })
  } catch (cause) {
    if (!hasCode(cause, 'repository-busy')) throw cause
    throw new DitsError('data-folder-busy', `'${folder}' is served by another dits serve`, {
      hint: 'stop that one first, or name another folder with --data; several servers can share a bucket (--data s3://…), not a folder',
      cause,
    })
  }
}

async function holdsServerData(store: ByteStore, location: string): Promise<boolean> {
  const stored = await store.get(formatKey)
  if (!stored) return false
  if (Buffer.from(stored.bytes).toString() === formatText) return true
  throw new DitsError('unsupported-version', `'${location}' is not of a format that this dits reads`, { hint: 'use a newer dits' })
}

import type { BringOptions, ContentSource } from '../core/ghosts/content-source.ts'
import { contentUnavailable } from '../core/ghosts/content-source.ts'
import { filtersOf } from '../core/ghosts/partial.ts'
import type { Id } from '../core/objects/id.ts'
import type { Repo } from '../core/repo.ts'
import type { RemoteSession } from '../protocol/remote-session.ts'
import type { Remote } from '../protocol/remotes.ts'
import type { Context } from './context.ts'

/** What bringing content has taken so far. */
export interface ContentTraffic {
  objects: number
  /** Every session that was opened, with its counts. */
  sessions: RemoteSession[]
}

/**
 * The remotes of a partial repository, as the source of what was left behind
 * there: those with a filter first, and of what one lacks the next is asked,
 * because content may have been given back that only one of them has. Each
 * connection is opened when something is needed of it, and again where it was
 * lost. Throws `unknown-remote` where there is none, and what connecting to the
 * first that failed threw where the others have not everything, either.
 * What it takes is added to `traffic`.
 */
export async function openRemoteContent(context: Context, repo: Repo, traffic: ContentTraffic = { objects: 0, sessions: [] }): Promise<ContentSource> {
  const [{ fetchObjects }, { listRemotes, requireRemote }, { openRemote }, { newSessionName }] = await Promise.all([
    import('../protocol/fetch.ts'),
    import('../protocol/remotes.ts'),
    import('./connect.ts'),
    import('../core/repo.ts'),
  ])
  const filtered = filtersOf(repo.config).map(({ remote }) => requireRemote(repo.config, remote))
  const remotes = [...filtered, ...listRemotes(repo.config).filter(({ name }) => !filtered.some((other) => other.name === name))]
  if (remotes.length === 0) requireRemote(repo.config, 'origin')
  const sessions = new Map<string, RemoteSession>()
  let last: Promise<unknown> = Promise.resolve()
  const target = { store: repo.store, objects: repo.objects, newSessionName: () => newSessionName(repo) }

  const connectTo = async (name: string, url: string): Promise<RemoteSession> => {
    const session = await openRemote(context, url)
    sessions.set(name, session)
    traffic.sessions.push(session)
    return session
  }

  /** Answers what this remote has not. */
  const bringFrom = async ({ name, url }: Remote, ids: readonly Id[], options?: BringOptions): Promise<Id[]> => {
    const session = sessions.get(name) ?? (await connectTo(name, url))
    try {
      const absent = await fetchObjects(session, target, ids, options?.onBytes)
      traffic.objects += ids.length - absent.length
      return absent
    } catch (error) {
      sessions.delete(name)
      await session.close()
      throw error
    }
  }

  const bring: ContentSource['bring'] = async (wanted, options) => {
    let ids: readonly Id[] = wanted.map(({ id }) => id)
    const failures: unknown[] = []
    for (const remote of remotes) {
      if (ids.length === 0) return
      try {
        ids = await bringFrom(remote, ids, options)
      } catch (error) {
        options?.signal?.throwIfAborted()
        failures.push(error)
      }
    }
    if (ids.length === 0) return
    if (failures.length > 0) throw failures[0]
    const names = remotes.map(({ name }) => `'${name}'`).join(', ')
    throw contentUnavailable(`of some files ('${ids[0]}'${ids.length > 1 ? ` and ${ids.length - 1} more` : ''})`, `${names} ${remotes.length > 1 ? 'have' : 'has'} not everything; add the remote that has it with: dits remote add`)
  }
  return {
    // One stream to a remote, so one question after another.
    bring: (wanted, options) => {
      const turn = last.then(() => bring(wanted, options))
      last = turn.catch(() => undefined)
      return turn
    },
    close: async () => void (await Promise.all([...sessions.values()].map((session) => session.close()))),
  }
}

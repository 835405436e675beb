import type { SweepReport } from '#core'
import { createAccounts, type Accounts, type Clock } from './accounts.ts'
import { collectGarbage, type CollectOptions } from './collect-garbage.ts'
import { openData } from './open-data.ts'
import { createRepositories, type Repositories } from './repositories.ts'

/** A server's users, tokens and repositories, for who administers it; also while servers run on the same data. */
export interface Administration {
  accounts: Accounts
  repositories: Repositories
  /** Removes a user with all tokens and grants. Throws `unknown-user`. */
  removeUser(name: string): Promise<{ tokens: number; grants: number }>
  /** What `dits server gc` goes through where nothing is named: repositories, those that are put away too, and what first pushes left that came to nothing. */
  collectableNames(): Promise<string[]>
  /** Collects the garbage of what lies under one name; see `collectGarbage`. */
  collect(name: string, options: Omit<CollectOptions, 'clock'>): Promise<SweepReport>
  /** Removes what interrupted writes left more than a day ago. Answers how much that was. */
  sweepUnfinished(): Promise<number>
  close(): Promise<void>
}

/** Opens the data of a server. Throws `not-server-data`, `unsupported-version`. */
export async function openAdministration(location: string, clock: Clock): Promise<Administration> {
  const data = await openData(location)
  const accounts = createAccounts(data.store, clock)
  const repositories = createRepositories(data.store, clock)
  return {
    accounts,
    repositories,
    close: () => data.close(),
    collect: (name, options) => collectGarbage(repositories, name, { ...options, clock }),
    sweepUnfinished: () => data.sweep(clock.now()),
    async collectableNames() {
      const names = new Set(await Array.fromAsync(repositories.contentNames()))
      for await (const { name } of repositories.list()) names.add(name)
      return [...names].sort()
    },
    async removeUser(name) {
      const user = await accounts.readUser(name)
      const tokens = await accounts.removeUser(name)
      // Grants name the user by more than the name, so what a crash leaves here gives nothing to anybody.
      let grants = 0
      for await (const repository of repositories.list()) {
        if (!repository.grants.some((grant) => grant.userId === user.id)) continue
        await repositories.grant(repository.name, user, undefined)
        grants++
      }
      return { tokens, grants }
    },
  }
}

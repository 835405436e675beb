import { createAccounts, type Accounts, type Clock } from './accounts.ts'
import { openData } from './open-data.ts'
import { createRepositories, type Repositories } from './repositories.ts'

/** A server's users, tokens and repositories, for who administers it; also while servers run on the same data. */
export interface Administration {
  accounts: Accounts
  repositories: Repositories
  /** Removes a user with all tokens and grants. Throws `unknown-user`. */
  removeUser(name: string): Promise<{ tokens: number; grants: number }>
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

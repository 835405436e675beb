import { withLock, type Repo } from './repo.ts'

const configKey = 'config'

/**
 * Changes the repository's own settings: `change` gets the text of `config` and
 * gives the new one. The open repository goes on with the settings that it was
 * opened with. Throws what `change` throws, and `repository-busy`.
 */
export async function changeConfig(repo: Repo, change: (text: string, source: string) => string): Promise<void> {
  await withLock(repo, () => changeConfigLocked(repo, change))
}

/** The same for who holds the repository's lock already. */
export async function changeConfigLocked(repo: Repo, change: (text: string, source: string) => string): Promise<void> {
  const stored = await repo.store.get(configKey)
  const text = stored ? Buffer.from(stored.bytes).toString('utf8') : ''
  await repo.store.put(configKey, Buffer.from(change(text, '.dits/config')))
}

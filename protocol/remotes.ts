import { branchSettings, changeConfig, changeConfigLocked, checkRefName, DitsError, filtersOf, setInConfig, unsetInConfig, withLock, type Config, type Id, type Repo, type Upstream } from '#core'

/** Another repository that this one is shared with, as the configuration names it. */
export interface Remote {
  name: string
  url: string
  /** What of the content is brought at once, where not all of it is. */
  filter: string | undefined
}

/** All remotes, by name. */
export function listRemotes(config: Config): Remote[] {
  const names = new Set<string>()
  for (const { key } of config.settings()) {
    const name = /^remote\.([^.]+)\.url$/.exec(key)?.[1]
    if (name !== undefined) names.add(name)
  }
  return [...names].sort().map((name) => findRemote(config, name)!)
}

/** A remote by its name; `undefined` where there is none. */
export function findRemote(config: Config, name: string): Remote | undefined {
  const url = config.get(`remote.${name}.url`)
  return url === undefined ? undefined : { name, url, filter: config.get(`remote.${name}.filter`) }
}

/** Throws `remote-exists` and `bad-remote-name`. */
export async function addRemote(repo: Repo, remote: { name: string; url: string; filter?: string | undefined }): Promise<void> {
  checkRemoteName(remote.name)
  if (findRemote(repo.config, remote.name)) {
    throw new DitsError('remote-exists', `there is a remote '${remote.name}' already`, { hint: `change it with: dits remote set-url ${remote.name} URL` })
  }
  await changeConfig(repo, (text, source) => {
    const withUrl = setInConfig(text, `remote.${remote.name}.url`, remote.url, source)
    return remote.filter === undefined ? withUrl : setInConfig(withUrl, `remote.${remote.name}.filter`, remote.filter, source)
  })
}

/** Throws `unknown-remote`. */
export async function setRemoteUrl(repo: Repo, name: string, url: string): Promise<void> {
  requireRemote(repo.config, name)
  await changeConfig(repo, (text, source) => setInConfig(text, `remote.${name}.url`, url, source))
}

/**
 * Forgets a remote with its settings, and what branches of it were followed.
 * Its refs are the caller's to delete. Throws `unknown-remote`, and
 * `remote-needed` for the last one with a filter: without any, what is not here
 * would count as damage.
 */
export async function removeRemote(repo: Repo, name: string): Promise<void> {
  requireRemote(repo.config, name)
  const filtered = filtersOf(repo.config)
  if (filtered.length > 0 && filtered.every(({ remote }) => remote === name)) {
    throw new DitsError('remote-needed', `'${name}' is where this partial repository gets the content that is not here`, {
      hint: `give it another address: dits remote set-url ${name} URL; or let another remote take its place: dits config remote.OTHER.filter none`,
    })
  }
  const followers = repo.config.settings().filter(({ key, value }) => /^branch\..*\.remote$/.test(key) && value === name)
  const keys = [
    ...repo.config.settings().filter(({ key }) => key.startsWith(`remote.${name}.`)).map(({ key }) => key),
    ...followers.flatMap(({ key }) => [key, key.replace(/\.remote$/, '.merge')]),
  ]
  await changeConfig(repo, (text, source) => keys.reduce((left, key) => unsetInConfig(left, key, source), text))
}

/**
 * Gives a remote another name: its settings, its refs, and what branches of it
 * are followed. The refs go first, so that the same command goes on after a
 * crash. Throws `unknown-remote`, `remote-exists` and `bad-remote-name`.
 */
export async function renameRemote(repo: Repo, from: string, to: string): Promise<void> {
  requireRemote(repo.config, from)
  checkRemoteName(to)
  if (findRemote(repo.config, to)) throw new DitsError('remote-exists', `there is a remote '${to}' already`, { hint: 'choose another name' })
  await withLock(repo, async () => {
    const prefix = `refs/remotes/${from}/`
    const refs: { name: string; id: Id }[] = []
    for await (const ref of repo.refs.list(prefix)) refs.push(ref)
    for (const { name, id } of refs) {
      const target = `refs/remotes/${to}/${name.slice(prefix.length)}`
      await repo.refs.move(target, await repo.refs.read(target), id)
      await repo.refs.move(name, id, undefined)
    }
    await changeConfigLocked(repo, (text, source) => renameInConfig(repo.config, text, source, { from, to }))
  })
}

function renameInConfig(config: Config, text: string, source: string, { from, to }: { from: string; to: string }): string {
  let changed = text
  for (const { key, value } of config.settings()) {
    if (key.startsWith(`remote.${from}.`)) {
      changed = setInConfig(unsetInConfig(changed, key, source), `remote.${to}.${key.slice(`remote.${from}.`.length)}`, value, source)
    } else if (/^branch\..*\.remote$/.test(key) && value === from) changed = setInConfig(changed, key, to, source)
  }
  return changed
}

/** Throws `unknown-remote`, naming those that there are. */
export function requireRemote(config: Config, name: string): Remote {
  const remote = findRemote(config, name)
  if (remote) return remote
  const names = listRemotes(config).map((known) => known.name)
  throw new DitsError('unknown-remote', `there is no remote '${name}'`, {
    hint: names.length > 0 ? `remotes are: ${names.join(', ')}` : `add one with: dits remote add ${name} URL`,
  })
}

/** Says what a branch follows from now on. */
export async function setUpstream(repo: Repo, branch: string, upstream: Upstream): Promise<void> {
  await changeConfig(repo, (text, source) =>
    setInConfig(setInConfig(text, `${branchSettings(branch)}.remote`, upstream.remote, source), `${branchSettings(branch)}.merge`, upstream.branch, source),
  )
}

/** A name becomes part of refs and of settings. Throws `bad-remote-name`. */
export function checkRemoteName(name: string): void {
  try {
    checkRefName(`refs/remotes/${name}/x`)
  } catch (cause) {
    throw badName(name, cause)
  }
  if (!/^[\w-]+$/.test(name)) throw badName(name)
}

function badName(name: string, cause?: unknown): DitsError {
  return new DitsError('bad-remote-name', `'${name}' cannot be the name of a remote`, { hint: "use letters, digits, '-' and '_'", cause })
}

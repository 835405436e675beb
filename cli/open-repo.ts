import { readFile } from 'node:fs/promises'
import { availableParallelism, hostname, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { isErrno } from '../core/errors.ts'
import type { Environment as CoreEnvironment, Repo } from '../core/repo.ts'
import type { Context, OpenRepo } from './context.ts'
import type { ContentTraffic } from './remote-content.ts'

/** Opens the repository of a context. Core is loaded here, so that verbs without a repository start without it. */
export const openRepo: OpenRepo = async (context, options) => {
  const [core, { refuseUnfinishedClone }] = await Promise.all([import('../core/repo.ts'), import('./unfinished-clone.ts')])
  const repo = await withRemoteContent(context, (env) => core.openRepo(context.cwd, env))
  if (!options?.mayBeUnfinished) refuseUnfinishedClone(repo)
  return repo
}

/** Opens or makes a repository that gets the content which it lacks from its remote; what that takes is added to `traffic`. */
export async function withRemoteContent(context: Context, open: (env: CoreEnvironment) => Promise<Repo>, traffic?: ContentTraffic): Promise<Repo> {
  const openContentSource = async () => (await import('./remote-content.ts')).openRemoteContent(context, repo, traffic)
  const repo: Repo = await open({ ...(await describeWorld(context)), openContentSource })
  return repo
}

/** What core is told about the world; also for whoever creates a repository. */
export async function describeWorld(context: Context): Promise<CoreEnvironment> {
  const { environment } = context
  const folder = dirname(environment.configFile)
  return {
    now: environment.now,
    zoneMinutes: environment.zoneMinutes(environment.now()),
    threads: Number(environment.variables['DITS_THREADS']) || availableParallelism(),
    person: {
      name: userInfo().username,
      email: `${userInfo().username}@${hostname()}`,
    },
    author: { name: environment.authorName, email: environment.authorEmail },
    userConfig: await readIfThere(environment.configFile),
    userIgnore: await readIfThere(join(folder, 'ignore')),
    cwd: context.cwd,
    command: context.commandLine,
    signal: context.signal,
    onProgress: showProgress(context),
    onWarning: context.warn,
  }
}

/** Shows core's reports as one bar for each task, counted in bytes. */
function showProgress({ progress }: Context): NonNullable<CoreEnvironment['onProgress']> {
  let shown: { task: string; bar: ReturnType<typeof progress.start> } | undefined
  return ({ task, bytes, bytesTotal, path }) => {
    if (shown?.task !== task) shown = { task, bar: progress.start({ label: task, unit: 'bytes' }) }
    if (bytesTotal !== undefined) shown.bar.setTotal(bytesTotal)
    shown.bar.moveTo(bytes, path === undefined ? undefined : Buffer.from(path, 'latin1').toString('utf8'))
  }
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return ''
    throw error
  }
}

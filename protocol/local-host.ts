import { closeRepo, DitsError, holdTransfer, newSessionName, type FileLock, type Repo } from '#core'
import type { Host, HostedRepository, RefMove, ServedEvent } from './host.ts'

/**
 * A host of one repository on this machine, for whoever may read its folder:
 * what a plain path, `file://` and `ssh://` lead to. `open` opens it for each
 * stream. A push cannot move the branch that its working tree is on.
 */
export function localHost(open: () => Promise<Repo>, report: (event: ServedEvent) => void = () => {}): Host {
  return {
    open: async () => hostRepository(await open()),
    report,
  }
}

function hostRepository(repo: Repo): HostedRepository {
  let lock: FileLock | undefined
  return {
    name: repo.root,
    user: 'local',
    role: 'admin',
    store: repo.store,
    objects: repo.objects,
    refs: repo.refs,
    readHeadBranch: async () => {
      const head = await repo.refs.readHead()
      return 'branch' in head ? head.branch : 'refs/heads/main'
    },
    newSessionName: () => newSessionName(repo),
    // Its owner may collect garbage at any time, which a transfer keeps waiting.
    beginWriting: async () => {
      if (lock) return
      lock = await holdTransfer(repo)
      await repo.objects.refresh()
    },
    checkMoves: (moves) => refuseCurrentBranch(repo, moves),
    release: async () => {
      lock?.release()
      await closeRepo(repo)
    },
  }
}

/** The files of the working tree would no longer be those of its branch. */
async function refuseCurrentBranch(repo: Repo, moves: readonly RefMove[]): Promise<void> {
  const head = await repo.refs.readHead()
  const current = 'branch' in head && moves.find(({ name }) => name === head.branch)
  if (!current) return
  throw new DitsError('branch-checked-out', `'${current.name.replace(/^refs\/heads\//, '')}' is the branch that '${repo.root}' works on`, {
    hint: 'push to another branch, or pull from there',
  })
}

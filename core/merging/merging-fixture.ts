import { mkdtempSync, rmSync } from 'node:fs'
import { chmod, lstat, mkdir, readdir, readFile, readlink, rename, rm, rmdir, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { rootPath, type BytePath } from '../bytes.ts'
import { commitStaged } from '../changing/commit.ts'
import { switchTo } from '../changing/switch.ts'
import { walkTree } from '../objects/tree-walk.ts'
import type { Id } from '../objects/id.ts'
import { closeRepo, initRepo, openRepo, type Environment, type Repo } from '../repo.ts'
import { addPaths, readIndex } from '../staging/stage.ts'
import { parsePathspec } from '../staging/pathspec.ts'
import { readStatus } from '../staging/status.ts'
import type { MergeTarget } from './merge.ts'

/** Real repositories in temporary folders, for tests of everything that merges. */

/** Files as a test writes them: content by path; `null` is an empty folder, `x:` starts an executable, `l:` a symlink. */
export type Files = Record<string, string | null>

export const everything = parsePathspec([], rootPath)

export function spec(...paths: string[]) {
  return parsePathspec(paths as BytePath[], rootPath)
}

/** A repository with a clock that goes on by a second with each look. */
export class TestRepo {
  readonly warnings: string[] = []
  repo: Repo
  /** What has to be closed; a test may put another repository over it. */
  #opened: Repo | undefined
  #now = 1_700_000_000_000

  private constructor(repo: Repo) {
    this.repo = repo
  }

  static async create(files: Files): Promise<TestRepo> {
    const root = mkdtempSync(join(tmpdir(), 'dits-merging-'))
    const test = new TestRepo(undefined as unknown as Repo)
    test.#opened = await initRepo(root, { branch: 'main', env: test.env() })
    test.repo = test.#opened
    await test.commit('first', files)
    return test
  }

  env(more: Partial<Environment> = {}): Environment {
    return {
      now: () => (this.#now += 1000),
      zoneMinutes: 60,
      threads: 1,
      person: { name: 'Ada', email: 'ada@example.com' },
      userConfig: '',
      userIgnore: '',
      command: 'dits test',
      onWarning: (warning) => this.warnings.push(warning),
      ...more,
    }
  }

  get root(): string {
    return this.repo.root
  }

  /** The repository as another command would open it. */
  async reopen(more: Partial<Environment> = {}): Promise<Repo> {
    await this.pause()
    this.#opened = await openRepo(this.root, this.env(more))
    this.repo = this.#opened
    return this.repo
  }

  /** Closes the repository, until `reopen`. */
  async pause(): Promise<void> {
    if (this.#opened) await closeRepo(this.#opened)
    this.#opened = undefined
  }

  async remove(): Promise<void> {
    await this.pause()
    rmSync(this.root, { recursive: true, force: true })
  }

  path(path: string): string {
    return join(this.repo.root, path)
  }

  /** Writes files; `undefined` removes one. */
  async write(files: Record<string, string | null | undefined>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      const at = this.path(path)
      if (content !== undefined) await mkdir(content === null ? at : dirname(at), { recursive: true })
      if (content === null) continue
      await rm(at, { force: true, recursive: true })
      if (content === undefined) await this.#prune(dirname(path))
      if (content === undefined) continue
      if (content.startsWith('l:')) await symlink(content.slice(2), at)
      else await writeFile(at, content.replace(/^x:/, ''))
      if (content.startsWith('x:')) await chmod(at, 0o755)
    }
  }

  /** Removes folders that are empty, up to the root. */
  async #prune(folder: string): Promise<void> {
    for (let at = folder; at !== '.' && (await readdir(this.path(at))).length === 0; at = dirname(at)) await rmdir(this.path(at))
  }

  async move(from: string, to: string): Promise<void> {
    await mkdir(dirname(this.path(to)), { recursive: true })
    await rename(this.path(from), this.path(to))
    await this.#prune(dirname(from))
  }

  /** Writes files, stages everything and commits it. */
  async commit(message: string, files: Record<string, string | null | undefined> = {}): Promise<Id> {
    await this.write(files)
    await addPaths(this.repo, everything)
    return (await commitStaged(this.repo, { message, allowEmpty: true })).id
  }

  async branch(name: string): Promise<void> {
    const head = { branch: `refs/heads/${name}` }
    await switchTo(this.repo, { id: await this.head(), head, create: true }, { force: false })
  }

  async switch(name: string): Promise<void> {
    const branch = `refs/heads/${name}`
    await switchTo(this.repo, { id: (await this.repo.refs.read(branch))!, head: { branch } }, { force: false })
  }

  async head(): Promise<Id> {
    const head = await this.repo.refs.readHead()
    return 'id' in head ? head.id : (await this.repo.refs.read(head.branch))!
  }

  async target(name: string): Promise<MergeTarget> {
    return { id: (await this.repo.refs.read(`refs/heads/${name}`))!, name, kind: 'branch' }
  }

  /** The working tree, without `.dits`; folders only where they are empty. */
  async disk(folder = ''): Promise<Files> {
    const files: Files = {}
    const names = (await readdir(this.path(folder))).filter((name) => name !== '.dits')
    if (names.length === 0 && folder !== '') return { [folder]: null }
    for (const name of names.sort()) {
      const path = folder === '' ? name : `${folder}/${name}`
      const stats = await lstat(this.path(path))
      if (stats.isDirectory()) Object.assign(files, await this.disk(path))
      else if (stats.isSymbolicLink()) files[path] = `l:${await readlink(this.path(path))}`
      else files[path] = (stats.mode & 0o100 ? 'x:' : '') + (await readFile(this.path(path), 'utf8'))
    }
    return files
  }

  /** What is staged, as `disk` has it. */
  async staged(): Promise<Files> {
    const tree = (await readIndex(this.repo))?.tree
    return tree ? this.tree(tree) : {}
  }

  async tree(tree: Id): Promise<Files> {
    const files: Files = {}
    for await (const { path, entry } of walkTree(this.repo.objects, tree)) {
      const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')))
      if (files[parent] === null) delete files[parent]
      if (entry.kind === 'directory') files[path] = null
      else {
        const mark = { file: '', executable: 'x:', symlink: 'l:' }[entry.kind]
        files[path] = mark + Buffer.from(await this.repo.objects.read('chunk', entry.id)).toString()
      }
    }
    return files
  }

  /** One line for each thing that `status` reports. */
  async status(): Promise<string[]> {
    const report = await readStatus(this.repo, everything, { untracked: 'all' })
    return [
      ...report.staged.map(({ kind, path }) => `staged ${kind} ${path}`),
      ...report.unstaged.map(({ change, path }) => `${change} ${path}`),
      ...report.untracked.map(({ path }) => `untracked ${path}`),
      ...(report.merge?.conflicts ?? []).map(({ reason, path }) => `conflict ${reason} ${path}`),
    ]
  }
}

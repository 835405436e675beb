import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { pathFromText, pathToText, rootPath, type BytePath } from './bytes.ts'
import { commitStaged, type CommitOptions } from './changing/commit.ts'
import { readCurrentHead } from './changing/head.ts'
import { switchTo, type SwitchReport } from './changing/switch.ts'
import { undo, type UndoReport } from './changing/undo.ts'
import { ContentReader } from './checkout/content-reader.ts'
import type { Id } from './objects/id.ts'
import { walkTree } from './objects/tree-walk.ts'
import { closeRepo, initRepo, openRepo, type Environment, type Repo } from './repo.ts'
import { parsePathspec, type Pathspec } from './staging/pathspec.ts'
import { addPaths, readIndex } from './staging/stage.ts'
import { readStatus } from './staging/status.ts'

/** Files as tests write them: content by path; 'l:' starts a symlink, 'x:' an executable, and `null` is an empty folder. */
export type Files = Record<string, string | Uint8Array | null>

/** A repository in a temporary folder for one test. The clock moves on by a minute with each look. */
export class TestRepo {
  repo: Repo
  readonly root: string
  readonly warnings: string[] = []
  #minutes = 0

  private constructor(root: string) {
    this.root = root
    this.repo = undefined as unknown as Repo
  }

  static async create(env: Partial<Environment> = {}): Promise<TestRepo> {
    const test = new TestRepo(mkdtempSync(join(tmpdir(), 'dits-repo-')))
    test.repo = await initRepo(test.root, { branch: 'main', env: test.env(env) })
    onTestFinished(async () => {
      await closeRepo(test.repo)
      rmSync(test.root, { recursive: true, force: true })
    })
    return test
  }

  env(changes: Partial<Environment> = {}): Environment {
    return {
      now: () => 1_700_000_000_000 + 60_000 * this.#minutes++,
      zoneMinutes: 60,
      threads: 1,
      person: { name: 'Ada', email: 'ada@example.com' },
      userConfig: '',
      userIgnore: '',
      command: 'dits test',
      onWarning: (warning) => void this.warnings.push(warning),
      ...changes,
    }
  }

  /** Opens the repository afresh, as the next command would. */
  async reopen(env: Partial<Environment> = {}): Promise<Repo> {
    await closeRepo(this.repo)
    this.repo = await openRepo(this.root, this.env(env))
    return this.repo
  }

  path(path: string): string {
    return join(this.root, path)
  }

  /** Writes files, and removes those that are `undefined`; see Files. */
  write(files: Record<string, string | Uint8Array | null | undefined>): this {
    for (const [path, content] of Object.entries(files)) {
      const target = this.path(path)
      rmSync(target, { recursive: true, force: true })
      if (content === undefined) continue
      mkdirSync(content === null ? target : dirname(target), { recursive: true })
      if (typeof content === 'string' && content.startsWith('l:')) symlinkSync(content.slice(2), target)
      else if (content !== null) {
        const isExecutable = typeof content === 'string' && content.startsWith('x:')
        writeFileSync(target, isExecutable ? content.slice(2) : content)
        if (isExecutable) chmodSync(target, 0o755)
      }
    }
    return this
  }

  /** Stages everything. */
  async add(): Promise<this> {
    await addPaths(this.repo, everything)
    return this
  }

  /** Writes files, stages everything and commits. */
  async commit(files: Record<string, string | Uint8Array | null | undefined>, options: Partial<CommitOptions> = {}): Promise<Id> {
    await this.write(files).add()
    const { id } = await commitStaged(this.repo, { message: 'a version', ...options })
    return id
  }

  /** Makes a branch at HEAD and goes to it. */
  async branch(name: string): Promise<void> {
    const { id } = await readCurrentHead(this.repo)
    await switchTo(this.repo, { id: id!, head: { branch: `refs/heads/${name}` }, create: true }, { force: false })
  }

  async switch(name: string, options: { force?: boolean } = {}): Promise<SwitchReport> {
    const branch = `refs/heads/${name}`
    return switchTo(this.repo, { id: (await this.repo.refs.read(branch))!, head: { branch } }, { force: false, ...options })
  }

  undo(options: { redo?: boolean; force?: boolean } = {}): Promise<UndoReport> {
    return undo(this.repo, { redo: false, ...options })
  }

  /** The commit that HEAD stands on. */
  async head(): Promise<Id | undefined> {
    return (await readCurrentHead(this.repo)).id
  }

  /** What lies in the working tree; folders only where they are empty. */
  disk(folder = ''): Files {
    const files: Files = {}
    const names = readdirSync(this.path(folder)).filter((name) => name !== '.dits' || folder !== '')
    if (names.length === 0 && folder !== '') return { [folder]: null }
    for (const name of names.sort()) {
      const path = folder === '' ? name : `${folder}/${name}`
      const stats = lstatSync(this.path(path))
      if (stats.isDirectory()) Object.assign(files, this.disk(path))
      else if (stats.isSymbolicLink()) files[path] = `l:${readlinkSync(this.path(path))}`
      else files[path] = (stats.mode & 0o100 ? 'x:' : '') + readFileSync(this.path(path), 'latin1')
    }
    return files
  }

  /** What is staged, as `disk` has it. */
  async staged(): Promise<Files> {
    const tree = (await readIndex(this.repo))?.tree
    return tree ? this.tree(tree) : {}
  }

  /** What a tree holds, read and verified, as `disk` has it. */
  async tree(tree: Id): Promise<Files> {
    const files: Files = {}
    const reader = new ContentReader(this.repo.objects)
    for await (const { path, entry } of walkTree(this.repo.objects, tree)) {
      const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')))
      if (files[parent] === null) delete files[parent]
      if (entry.kind === 'directory') files[path] = null
      else {
        let content = { file: '', executable: 'x:', symlink: 'l:' }[entry.kind]
        for await (const piece of reader.stream(entry)) content += Buffer.from(piece).toString('latin1')
        files[path] = content
      }
    }
    return files
  }

  /** One line for each thing that `status` reports, such as 'staged added a.txt' and 'modified b.txt'. */
  async status(): Promise<string[]> {
    const report = await readStatus(this.repo, everything, { untracked: 'all' })
    return [
      ...report.staged.map(({ kind, path }) => `staged ${kind} ${pathToText(path)}`),
      ...report.unstaged.map(({ change, path }) => `${change} ${pathToText(path)}`),
      ...report.untracked.map(({ path }) => `untracked ${pathToText(path)}`),
      ...report.skipped.map(({ path, kind }) => `skipped ${kind} ${pathToText(path)}`),
    ]
  }

  /** The commands that the operation log holds, and what each undoes; the newest first. */
  async operations(): Promise<{ seq: number; undoes: number | undefined }[]> {
    const operations = []
    for await (const { seq, undoes } of this.repo.oplog.newestFirst()) operations.push({ seq, undoes })
    return operations
  }
}

export const everything: Pathspec = parsePathspec([], rootPath)

/** What a person standing in the root means by these names. */
export function specOf(...names: string[]): Pathspec {
  return parsePathspec(names.map(pathFromText), rootPath)
}

/** The paths of a working tree that a test writes as text. */
export function pathsOf(...names: string[]): BytePath[] {
  return names.map(pathFromText)
}

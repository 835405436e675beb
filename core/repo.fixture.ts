import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { pathFromText, rootPath } from './bytes.ts'
import { commitStaged, type CommitOptions } from './changing/commit.ts'
import type { Id } from './objects/id.ts'
import { closeRepo, initRepo, type Environment, type Repo } from './repo.ts'
import { parsePathspec, type Pathspec } from './staging/pathspec.ts'
import { addPaths } from './staging/stage.ts'

/** A repository in a temporary folder for one test. The clock moves on by a minute with each command. */
export class TestRepo {
  readonly repo: Repo
  readonly root: string
  readonly warnings: string[]

  private constructor(repo: Repo, warnings: string[]) {
    this.repo = repo
    this.root = repo.root
    this.warnings = warnings
  }

  static async create(): Promise<TestRepo> {
    const root = mkdtempSync(join(tmpdir(), 'dits-repo-'))
    const warnings: string[] = []
    let minutes = 0
    const env: Environment = {
      now: () => 1_700_000_000_000 + 60_000 * minutes++,
      zoneMinutes: 60,
      threads: 1,
      person: { name: 'Ada', email: 'ada@example.com' },
      userConfig: '',
      userIgnore: '',
      command: 'dits test',
      onWarning: (warning) => void warnings.push(warning),
    }
    const repo = await initRepo(root, { branch: 'main', env })
    onTestFinished(async () => {
      await closeRepo(repo)
      rmSync(root, { recursive: true, force: true })
    })
    return new TestRepo(repo, warnings)
  }

  /** Writes files; content that starts with 'l:' makes a symlink, with 'x:' an executable. `undefined` removes. */
  write(files: Record<string, string | Uint8Array | undefined>): this {
    for (const [path, content] of Object.entries(files)) {
      const target = join(this.root, path)
      rmSync(target, { recursive: true, force: true })
      if (content === undefined) continue
      mkdirSync(dirname(target), { recursive: true })
      if (typeof content === 'string' && content.startsWith('l:')) symlinkSync(content.slice(2), target)
      else {
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
  async commit(files: Record<string, string | Uint8Array | undefined>, options: Partial<CommitOptions> = {}): Promise<Id> {
    await this.write(files).add()
    const { id } = await commitStaged(this.repo, { message: 'a version', ...options })
    return id
  }
}

export const everything: Pathspec = parsePathspec([], rootPath)

/** What a person standing in the root means by these names. */
export function specOf(...names: string[]): Pathspec {
  return parsePathspec(names.map(pathFromText), rootPath)
}

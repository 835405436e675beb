import { copyFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkRepository, rebuildIndexes, type Problem } from '../../core/check/check.ts'
import { DitsError } from '../../core/errors.ts'
import type { Id } from '../../core/objects/id.ts'
import { closeRepo } from '../../core/repo.ts'
import { createRandom } from '../../fixtures/random.ts'
import { scratchFolder } from './scratch.ts'
import { contentOf, createSmallRepo, withRepo } from './small-repo.ts'

/**
 * Rotten disks: whatever byte of a repository changes, fsck says so, and no
 * command hands out content that is not what was committed.
 */

const seed = 20240501
/** What reading may end with where the repository is damaged. */
const damageCodes = [
  'object-damaged', 'object-missing', 'pack-damaged', 'pack-missing', 'index-damaged', 'ref-damaged', 'oplog-damaged',
  'config-damaged', 'unsupported-version', 'unsupported-codec', 'not-a-repository', 'store-io',
]

describe('a flipped bit', () => {
  it('in a pack is found, named with the files it touches, and never read as content', async () => {
    const repo = await prepare()
    for (const file of repo.files.filter((name) => name.endsWith('.pack'))) {
      await repo.flipEach(file, 45, async (what) => {
        const problems = await repo.check()
        expect(problems, what).not.toEqual([])
        for (const problem of problems) {
          const needsFile = problem.object && ['chunk', 'manifest', 'list'].includes(problem.object.kind)
          if (needsFile) expect(problem.files, `${what}: ${problem.message}`).not.toEqual([])
        }
        await repo.expectTruth(what)
      })
    }
  })

  it('in the index of a pack is found, and mended from the pack', async () => {
    const repo = await prepare()
    for (const file of repo.files.filter((name) => name.endsWith('.idx'))) {
      await repo.flipEach(file, 20, async (what) => {
        expect(await repo.check(), what).not.toEqual([])
        await repo.expectTruth(what)
        await repo.mend()
        expect(await repo.check(), `${what}, mended`).toEqual([])
      })
    }
  })

  it.each(['HEAD', 'refs/heads/main', 'index', 'format', 'oplog/000000000002', 'oplog/000000000004'])('in %s is found', async (file) => {
    const repo = await prepare()
    await repo.flipEach(file, 70, async (what) => {
      expect(await repo.check(), what).not.toEqual([])
      await repo.expectTruth(what)
    })
  })

  it('in the configuration is found or changes no content', async () => {
    const repo = await prepare()
    await writeFile(join(repo.folder, 'config'), 'user.name = Ada\ncore.mtimes = true\n')
    await repo.flipEach('config', 120, async (what) => {
      await repo.check()
      await repo.expectTruth(what)
    })
  })
})

describe('a file of the repository that was cut', () => {
  it('is found at every length that was tried, and never read as content', async () => {
    const repo = await prepare()
    for (const file of repo.files.filter((name) => name !== 'config')) {
      const whole = await readFile(join(repo.folder, file))
      for (const length of new Set([0, 1, whole.length >> 1, whole.length - 1])) {
        const what = `${file} cut to ${length} of ${whole.length} bytes`
        await truncate(join(repo.folder, file), length)
        expect(await repo.check(), what).not.toEqual([])
        await repo.expectTruth(what)
        await writeFile(join(repo.folder, file), whole)
      }
    }
  })
})

describe('a file of the repository that is gone', () => {
  it('is found, and nothing else is read in its place', async () => {
    const repo = await prepare()
    // Nobody can tell a staging area that was lost from one that never was, nor the last operation from one that
    // never happened; commits depend on neither.
    const untold = ['config', 'index', repo.files.findLast((name) => name.startsWith('oplog/'))!]
    for (const file of repo.files) {
      const aside = join(repo.folder, '..', 'aside')
      await copyFile(join(repo.folder, file), aside)
      await rm(join(repo.folder, file))
      if (!untold.includes(file)) expect(await repo.check(), `without ${file}`).not.toEqual([])
      await repo.expectTruth(`without ${file}`)
      await copyFile(aside, join(repo.folder, file))
    }
    expect(await repo.check()).toEqual([])
  })

  it('comes back from its pack where it was an index', async () => {
    const repo = await prepare()
    for (const file of repo.files.filter((name) => name.endsWith('.idx'))) await rm(join(repo.folder, file))
    expect(await repo.check()).not.toEqual([])
    await repo.mend()
    expect(await repo.check()).toEqual([])
    await repo.expectTruth('without indexes, mended', { whole: true })
  })
})

describe('a pack with a damaged record and without its index', () => {
  it('gives back every other record', async () => {
    const repo = await prepare()
    const largest = await repo.largestPack()
    const bytes = await readFile(join(repo.folder, largest))
    bytes[bytes.length >> 1]! ^= 1
    await writeFile(join(repo.folder, largest), bytes)
    await rm(join(repo.folder, largest.replace('.pack', '.idx')))
    const rebuilt = await repo.mend()
    expect(rebuilt).toEqual([expect.objectContaining({ skipped: 1 })])
    const problems = await repo.check()
    expect(problems.map(({ code }) => code)).toContain('object-missing')
    expect(problems.flatMap(({ files }) => files.map(({ path }) => path))).toContain('shots/clip.mov')
    await repo.expectTruth('a damaged record')
  })
})

async function prepare() {
  const root = join(await scratchFolder(), 'repo')
  const made = await createSmallRepo(root)
  const commits: Id[] = [made.first, made.second]
  const truth = await Promise.all(commits.map((commit) => contentOf(made.repo, commit)))
  await closeRepo(made.repo)
  const folder = join(root, '.dits')
  const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.endsWith('lock'))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
  const random = createRandom(seed)
  const tools = {
    folder,
    files,

    /** Flips bits of a file, one after another: `count` of them, or one in each byte where it is short. */
    async flipEach(file: string, count: number, test: (what: string) => Promise<void>): Promise<void> {
      const whole = await readFile(join(folder, file))
      for (let i = 0; i < Math.min(count, whole.length); i++) {
        const offset = whole.length <= count ? i : i < 20 ? Math.min(i, whole.length - 1) : random.below(whole.length)
        const bit = random.below(8)
        const bytes = Buffer.from(whole)
        bytes[offset]! ^= 1 << bit
        await writeFile(join(folder, file), bytes)
        await test(`bit ${bit} of byte ${offset} of ${file} (seed ${seed})`)
        await writeFile(join(folder, file), whole)
      }
    },

    /** What `fsck --full` finds; a repository that does not even open is a problem too. */
    async check(): Promise<Problem[]> {
      try {
        return (await withRepo(root, (repo) => checkRepository(repo, { full: true }))).problems
      } catch (error) {
        if (!(error instanceof DitsError)) throw error
        return [{ code: error.code, message: error.message, files: [] }]
      }
    },

    async mend() {
      return withRepo(root, rebuildIndexes)
    },

    /** Every commit reads as what was committed, or ends with an error that says what is damaged. */
    async expectTruth(what: string, options: { whole?: boolean } = {}): Promise<void> {
      for (const [i, commit] of commits.entries()) {
        try {
          expect(await withRepo(root, (repo) => contentOf(repo, commit)), what).toEqual(truth[i])
        } catch (error) {
          if (!(error instanceof DitsError) || options.whole) throw error
          expect(damageCodes, `${what}: ${error.message}`).toContain(error.code)
        }
      }
    },

    async largestPack(): Promise<string> {
      const sizes = await Promise.all(files.filter((name) => name.endsWith('.pack')).map(async (name) => [(await readFile(join(folder, name))).length, name] as const))
      return sizes.sort((a, b) => b[0] - a[0])[0]![1]
    },
  }
  return tools
}

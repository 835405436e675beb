import { describe, expect, it } from 'vitest'
import type { Id, ObjectKind, PackedObjects } from '#core'
import type { Random } from '../fixtures/random.ts'
import { Difference, type Needed } from './difference.ts'
import { newCommits, parentsHere } from './new-commits.ts'
import { copyWithout, forSeeds, randomHistory, reachOf, Synthetic } from './synthetic.fixture.ts'

/** What a push or a fetch makes of a difference: every new commit, and what its tree needs. */
async function differenceOf(objects: PackedObjects, tips: readonly Id[], known: readonly Id[]): Promise<{ given: Needed[]; missingCommits: ReadonlySet<Id> }> {
  const difference = new Difference(objects)
  const walk = await newCommits(objects, tips, known)
  const given: Needed[] = []
  for await (const { id, commit } of walk.commits) {
    for await (const needed of difference.ofObject('commit', id)) given.push(needed)
    for await (const needed of difference.ofTree(commit.tree, await parentsHere(objects, commit))) given.push(needed)
  }
  return { given, missingCommits: walk.missing }
}

function some<T>(random: Random, items: readonly T[], max: number): T[] {
  return Array.from({ length: 1 + random.below(max) }, () => random.pick(items))
}

const names = (ids: Iterable<Id>, kinds: ReadonlyMap<Id, ObjectKind>) => [...ids].map((id) => `${kinds.get(id)} ${id.slice(0, 8)}`).sort()

describe('a difference', () => {
  it('of random histories has everything that the old commits do not reach, each object once, and nothing that the new ones do not reach', async () => {
    await forSeeds(25, async (random) => {
      const synthetic = await Synthetic.create()
      const commits = await randomHistory(random, synthetic, 14)
      const [tips, known] = [some(random, commits, 3), random.below(4) === 0 ? [] : some(random, commits, 2)]
      const [all, old] = [await synthetic.reach(tips), await synthetic.reach(known)]
      const { given } = await differenceOf(synthetic.objects, tips, known)
      const ids = new Set(given.map(({ id }) => id))
      expect(ids.size).toBe(given.length)
      expect(names([...all.keys()].filter((id) => !old.has(id) && !ids.has(id)), all)).toEqual([])
      expect(names([...ids].filter((id) => !all.has(id)), all)).toEqual([])
      for (const { id, kind } of given) expect(kind).toBe(all.get(id))
    })
  })

  it('names all that is missing and could be known of, where objects and old commits are missing', async () => {
    await forSeeds(25, async (random) => {
      const synthetic = await Synthetic.create()
      const commits = await randomHistory(random, synthetic, 12)
      const [tips, known] = [some(random, commits, 2), random.below(3) === 0 ? [] : some(random, commits, 2)]
      const old = await synthetic.reach(known)
      const share = random.pick([2, 10, 100])
      const left = new Set([...(await synthetic.reach(tips)).keys()].filter((id) => !old.has(id) && random.below(share) === 0))
      const { objects } = await copyWithout(synthetic.objects, left)
      const reached = await reachOf(objects, tips)
      const { given, missingCommits } = await differenceOf(objects, tips, known)
      const missing = new Set([...given.filter(({ located }) => !located).map(({ id }) => id), ...missingCommits])
      expect(names(missing, reached)).toEqual(names([...reached.keys()].filter((id) => left.has(id)), reached))
    })
  })

  it('of a merge leaves nothing out that only a commit beside it needs', async () => {
    const synthetic = await Synthetic.create()
    const base = synthetic.commit(synthetic.tree(new Map([['a', [1]]])))
    const side = synthetic.commit(synthetic.tree(new Map([['a', [1]], ['side', [2, 3]]])), [base])
    const main = synthetic.commit(synthetic.tree(new Map([['a', [4]]])), [base])
    const merge = synthetic.commit(synthetic.tree(new Map([['a', [4]], ['side', [2, 3]]])), [main, side])
    await synthetic.flush()
    const { given } = await differenceOf(synthetic.objects, [merge], [base])
    const ids = new Set(given.map(({ id }) => id))
    const old = await synthetic.reach([base])
    expect([...(await synthetic.reach([merge])).keys()].filter((id) => !ids.has(id) && !old.has(id))).toEqual([])
  })

  it('of a path filter has what is wanted of a folder that is somewhere else too', async () => {
    const synthetic = await Synthetic.create()
    const base = synthetic.commit(synthetic.tree(new Map([['left/x.bin', [1, 2]]])))
    const tree = synthetic.tree(new Map([['a/x.bin', [1, 2]], ['b/x.bin', [1, 2]]]))
    await synthetic.flush()
    const wantsContent = (path: string) => path.startsWith('b/')
    const parent = (await parentsHere(synthetic.objects, { parents: [base] } as never))[0]!
    for (const parents of [[], [parent]]) {
      const kinds: ObjectKind[] = []
      for await (const { kind } of new Difference(synthetic.objects, { wantsContent }).ofTree(tree, parents)) kinds.push(kind)
      expect(kinds.filter((kind) => kind === 'chunk')).toHaveLength(2)
    }
  })
})

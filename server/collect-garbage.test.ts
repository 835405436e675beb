import { describe, expect, it } from 'vitest'
import { createRefs, DitsError, hasCode, PrefixStore, type ByteStore, type Id, type PutCondition } from '#core'
import { CrashError, FaultyStore, type Fault } from '../core/store/faulty-store.ts'
import { Synthetic } from '../protocol/synthetic.fixture.ts'
import { checkWhole, collect, contentPrefix, createTeam, dayMs, gate, keysOf, pushBranch, watched, type BeforeCall, type Team } from './collect.fixture.ts'

/** Two lines of history: `main`, and `cut` with its own content, of which `next` is the version after `cut`. And `remix`: all new but for a chunk of `cut`. */
interface Versions {
  synthetic: Synthetic
  main: Id
  cut: Id
  next: Id
  remix: Id
}

async function createVersions(): Promise<Versions> {
  const synthetic = await Synthetic.create()
  const main = synthetic.commit(synthetic.tree(new Map([['a.bin', [1, 2, 3]], ['b/c.bin', [4]]])))
  const ofCut = new Map([['a.bin', [1, 2, 3]], ['d.bin', [5, 6]], ['e/f.bin', [7]]])
  const cut = synthetic.commit(synthetic.tree(ofCut))
  const next = synthetic.commit(synthetic.tree(new Map([...ofCut, ['g.bin', [8]]])), [cut])
  const remix = synthetic.commit(synthetic.tree(new Map([['h.bin', [9]], ['i.bin', [7]]])))
  await synthetic.flush()
  return { synthetic, main, cut, next, remix }
}

type Move = (branch: string, after: Id | undefined, store?: ByteStore) => Promise<string>

type Garbage = Team & Versions & { move: Move }

/** A team with `main`, and garbage: a branch that was pushed and deleted. */
async function createWithGarbage(): Promise<Garbage> {
  const team = await createTeam()
  const versions = await createVersions()
  const move: Move = (branch, after, store) => pushBranch(team.serve(store), team.token, versions.synthetic, branch, after)
  for (const [branch, after] of [['main', versions.main], ['old', versions.cut], ['old', undefined]] as const) {
    expect(await move(branch, after)).toBe('')
    // So that packs sort in the order of the pushes.
    team.clock.nowMs++
  }
  return { ...team, ...versions, move }
}

describe('garbage on a server', () => {
  it('stays while it is young by the clock of the store, and goes after its grace', async () => {
    const { serve, clock, store } = await createWithGarbage()
    clock.nowMs += 13 * dayMs
    expect(await collect(serve(), { graceMs: 14 * dayMs })).toMatchObject({ objectsRemoved: 0, packsAfter: 2 })
    clock.nowMs += 2 * dayMs
    const report = await collect(serve(), { graceMs: 14 * dayMs })
    expect(report).toMatchObject({ packsBefore: 2, packsAfter: 1 })
    expect(report.objectsRemoved).toBeGreaterThan(5)
    expect(await keysOf(store, 'packs/')).toHaveLength(2)
    await checkWhole(store)
  })

  it('stays for its grace after a branch was deleted or forced elsewhere, however old it is', async () => {
    const { serve, clock, store, move, cut, next, main } = await createWithGarbage()
    const collected = async (days: number) => {
      clock.nowMs += days * dayMs
      return (await collect(serve(), { graceMs: 14 * dayMs })).objectsRemoved
    }
    expect(await move('cut', next)).toBe('')
    expect(await collected(30)).toBe(0)
    expect(await move('cut', main)).toBe('')
    expect(await collected(1)).toBe(0)
    expect(await collected(12)).toBe(0)
    expect(await move('again', cut)).toBe('')
    expect(await collected(1)).toBe(3)
    expect(await move('again', undefined)).toBe('')
    expect(await collected(13)).toBe(0)
    expect(await collected(1)).toBeGreaterThan(5)
    await checkWhole(store)
    expect(await keysOf(store, 'packs/')).toHaveLength(2)
  })

  it('is kept as far as it is there where a branch was deleted', async () => {
    const { serve, clock, store, move, next } = await createWithGarbage()
    const garbage = (await keysOf(store, 'packs/')).slice(-2)
    await move('cut', next)
    clock.nowMs += 20 * dayMs
    await collect(serve())
    await move('cut', undefined)
    // As after going back to a backup: the version before it is gone.
    for (const key of garbage) await store.delete(contentPrefix + key)
    expect(await collect(serve(), { graceMs: 14 * dayMs })).toMatchObject({ objectsRemoved: 0, packsAfter: 2 })
    await checkWhole(store)
  })

  it('is told of without being removed, and without anything being written', async () => {
    const { serve, store } = await createWithGarbage()
    const before = await keysOf(store, '')
    const told = await collect(serve(watched(store, (call) => {
      if (call === 'put' || call === 'delete') throw new Error(`${call} in a dry run`)
      return undefined
    })), { dryRun: true })
    expect(await keysOf(store, '')).toEqual(before)
    expect(await collect(serve())).toEqual(told)
  })

  it('goes also where a first push brought it and no repository came of it', async () => {
    const { serve, store } = await createTeam()
    const { synthetic, main } = await createVersions()
    await serve().repositories.destroy('film')
    const admin = await serve().tokenOf('eve', 'admin')
    const crash: BeforeCall = async (call, key) => {
      if (call === 'put' && key.startsWith('moves/')) throw new CrashError()
    }
    await expect(pushBranch(serve(watched(store, crash)), admin, synthetic, 'main', main)).rejects.toThrow()
    expect(await Array.fromAsync(serve().repositories.list())).toEqual([])
    expect(await Array.fromAsync(serve().repositories.contentNames())).toEqual(['film'])
    expect((await collect(serve())).objectsRemoved).toBeGreaterThan(5)
    expect(await Array.fromAsync(serve().repositories.contentNames())).toEqual([])
    expect(await pushBranch(serve(), admin, synthetic, 'main', main)).toBe('')
    await checkWhole(store)
  })

  it('does not grow from one small pack for each push', async () => {
    const { store, serve, move, synthetic } = await createWithGarbage()
    let parent: Id | undefined
    for (let i = 0; i < 12; i++) {
      parent = synthetic.commit(synthetic.tree(new Map([['x.bin', [100 + i]]])), parent ? [parent] : [])
      await synthetic.flush()
      expect(await move('many', parent)).toBe('')
    }
    expect(await collect(serve())).toMatchObject({ packsBefore: 14, packsAfter: 1 })
    await checkWhole(store)
  })
})

/** What a push may answer while garbage is collected. */
const pushCodes = ['', 'repository-busy']

/** Pushes, and tells a refusal by its code, too. */
async function tryMove(move: Move, branch: string, after: Id | undefined, store?: ByteStore): Promise<string> {
  try {
    return await move(branch, after, store)
  } catch (error) {
    if (!hasCode(error, 'repository-busy')) throw error
    return 'repository-busy'
  }
}

/** Collects where nobody is waited for; answers whether it came to its end. */
async function tryCollect(team: Team, graceMs = 0): Promise<boolean> {
  try {
    await collect(team.serve(), { graceMs })
    return true
  } catch (error) {
    if (!hasCode(error, 'transfer-running')) throw error
    return false
  }
}

describe('a collection at any step of a push', () => {
  it('leaves nothing out that the push was told is there, whether it ends or waits for the push', async () => {
    /** Pushes what is garbage; collections run before calls number `at`. Answers how many calls there were, and how many collections ended. */
    const pushWith = async (at: readonly number[]) => {
      const team = await createWithGarbage()
      let calls = 0
      let ended = 0
      const before: BeforeCall = async () => {
        if (at.includes(calls++) && (await tryCollect(team))) ended++
      }
      expect(pushCodes).toContain(await tryMove(team.move, 'again', team.next, watched(team.store, before)))
      await checkWhole(team.store)
      expect(await team.move('again', team.next)).toBe('')
      await collect(team.serve())
      expect(await checkWhole(team.store)).toBeGreaterThan(15)
      return { calls, ended }
    }
    const { calls } = await pushWith([])
    let [ended, waited] = [0, 0]
    for (let first = 0; first < calls; first++) {
      for (const second of [first, first + 3]) {
        const at = first === second ? [first] : [first, second]
        const found = await pushWith(at)
        ended += found.ended
        waited += at.length - found.ended
      }
    }
    expect(ended).toBeGreaterThan(10)
    expect(waited).toBeGreaterThan(10)
  }, 60_000)

  it('nor where what the push brings stays, and content is garbage, which is looked up and not read', async () => {
    const pushWith = async (at: number) => {
      const team = await createWithGarbage()
      team.clock.nowMs += dayMs
      let calls = 0
      const before: BeforeCall = async () => {
        if (calls++ === at) await tryCollect(team, dayMs)
      }
      expect(pushCodes).toContain(await tryMove(team.move, 'remix', team.remix, watched(team.store, before)))
      await checkWhole(team.store)
      return calls
    }
    const calls = await pushWith(Infinity)
    for (let at = 0; at < calls; at++) await pushWith(at)
  })

  it('and a push at any step of a collection', async () => {
    const collectWith = async (at: number) => {
      const team = await createWithGarbage()
      let calls = 0
      const before: BeforeCall = async () => {
        if (calls++ === at) expect(await team.move('again', team.next)).toBe('')
      }
      await collect(team.serve(watched(team.store, before)))
      await checkWhole(team.store)
      expect(await team.move('again', team.next)).toBe('')
      await checkWhole(team.store)
      return calls
    }
    const calls = await collectWith(Infinity)
    expect(calls).toBeGreaterThan(15)
    for (let at = 0; at < calls; at++) await collectWith(at)
  }, 60_000)
})

describe('a push that begins before packs are condemned and ends while they are', () => {
  it('does not vouch for what was pushed on top of it, when its branch goes before the collection marks again', async () => {
    const { store, serve, move, cut, next } = await createWithGarbage()
    const [atRef, atSecondRef, atWait] = [gate(isPutOf('refs/heads/again')), gate(isPutOf('refs/heads/top')), gate(() => true)]
    const pushing = move('again', cut, watched(store, atRef.before))
    await atRef.reached
    const collecting = collect(serve(), { wait: async () => atWait.before('list', '') })
    await atWait.reached
    // Now the garbage is condemned, and the push puts its branch on it.
    atRef.open()
    expect(await pushing).toBe('')
    const pushingTop = move('top', next, watched(store, atSecondRef.before))
    await atSecondRef.reached
    expect(await move('again', undefined)).toBe('')
    atWait.open()
    // The second push was announced when the packs were condemned already, so nobody waits for it.
    await collecting
    atSecondRef.open()
    expect(await pushingTop).toBe('')
    expect(await checkWhole(store)).toBeGreaterThan(15)
  })

  it('learns that they are, where its notice came too late to be waited for', async () => {
    const { store, serve, move, cut } = await createWithGarbage()
    const atNotice = gate((call, key) => call === 'put' && key.startsWith('moves/'))
    const atRemoval = gate((call, key) => call === 'delete' && key.startsWith('packs/'))
    const pushing = move('again', cut, watched(store, atNotice.before))
    await atNotice.reached
    const collecting = collect(serve(watched(store, atRemoval.before)))
    await atRemoval.reached
    atNotice.open()
    expect(await pushing).toBe('')
    atRemoval.open()
    await collecting
    await checkWhole(store)
  })
})

function isPutOf(name: string): (call: keyof ByteStore, key: string) => boolean {
  return (call, key) => call === 'put' && key === name
}

const lefts = ['nothing', 'everything'] as const

/** Does something with a store that crashes at its write number `at`, if it comes so far. */
async function crashOnce(store: ByteStore, at: number, act: (store: ByteStore) => Promise<unknown>): Promise<void> {
  await act(new FaultyStore(store, { kind: 'crash', at, left: 'everything' })).catch((error: unknown) => {
    if (!(error instanceof CrashError)) throw error
  })
}

/** Does something with a store that crashes at each writing call in turn. */
async function crashEverywhere(
  act: (team: Garbage, store: ByteStore) => Promise<unknown>,
  check: (team: Garbage) => Promise<void>,
  prepare: (team: Garbage) => Promise<void> = async () => {},
): Promise<number> {
  const counting = await createWithGarbage()
  await prepare(counting)
  const counter = new FaultyStore(counting.store)
  await act(counting, counter)
  for (const left of lefts) {
    for (let at = 1; at <= counter.writes; at++) {
      const team = await createWithGarbage()
      await prepare(team)
      const fault: Fault = { kind: 'crash', at, left }
      await expect(act(team, new FaultyStore(team.store, fault)), `crash at ${at}, ${left} done`).rejects.toThrow()
      await check(team)
    }
  }
  return counter.writes
}

describe('a crash', () => {
  it('of a collection at any write leaves everything whole, and the next one finishes', async () => {
    const writes = await crashEverywhere((team, store) => collect(team.serve(store)), async (team) => {
      await checkWhole(team.store)
      // Pushes go on, upon what may be condemned.
      expect(await team.move('again', team.cut)).toBe('')
      await checkWhole(team.store)
      await collect(team.serve())
      await checkWhole(team.store)
      await team.move('again', undefined)
      // Which no push may take away.
      await createRefs(new PrefixStore(team.store, 'repos/film.dits')).move('refs/heads/main', team.main, undefined)
      await collect(team.serve())
      expect(await keysOf(team.store, 'packs/')).toEqual([])
    })
    expect(writes).toBeGreaterThan(4)
  }, 60_000)

  it('of a server at any write of a push leaves everything whole, and keeps garbage for a day at most', async () => {
    let kept = 0
    await crashEverywhere((team, store) => team.move('again', team.cut, store), async (team) => {
      await checkWhole(team.store)
      if (!(await tryCollect(team))) kept++
      await checkWhole(team.store)
      expect(await team.move('again', team.cut)).toBe('')
      team.clock.nowMs += dayMs
      await collect(team.serve())
      await checkWhole(team.store)
      expect(await keysOf(team.store, 'moves/')).toEqual([])
    })
    expect(kept).toBeGreaterThan(0)
  }, 60_000)

  it('of a server at any write of a push, or of the collection that goes on, while packs are condemned', async () => {
    const condemn = async (team: Garbage) => {
      const crash: BeforeCall = async (call, key) => {
        if (call === 'delete' && key.startsWith('packs/')) throw new CrashError()
      }
      await expect(collect(team.serve(watched(team.store, crash)))).rejects.toThrow()
    }
    await crashEverywhere((team, store) => team.move('again', team.next, store), async (team) => {
      await checkWhole(team.store)
      team.clock.nowMs += dayMs
      await crashOnce(team.store, 4, (store) => collect(team.serve(store)))
      await checkWhole(team.store)
      expect(await team.move('again', team.next)).toBe('')
      await collect(team.serve())
      expect(await checkWhole(team.store)).toBeGreaterThan(15)
    }, condemn)
  }, 60_000)

  it('of a server is told from a push that goes on by the push itself, which then moves nothing', async () => {
    const { store, serve, move, cut, clock } = await createWithGarbage()
    const confirming = gate((call, key) => call === 'put' && key.startsWith('moves/') && noticed++ > 0)
    let noticed = 0
    const pushing = tryMove(move, 'again', cut, watched(store, confirming.before))
    await confirming.reached
    // The server stands still for a day.
    clock.nowMs += dayMs
    await collect(serve())
    confirming.open()
    expect(await pushing).toBe('repository-busy')
    await checkWhole(store)
    expect(await move('again', cut)).toBe('')
    await checkWhole(store)
  })
})

describe('a put of a ref of which nobody knows what became', () => {
  it('is waited for, because it may still take effect', async () => {
    const { store, serve, move, cut, clock } = await createWithGarbage()
    const lost = Object.assign(watched(store, () => undefined), {
      put: async (key: string, body: Uint8Array, condition?: PutCondition) => {
        if (key.endsWith('refs/heads/again')) throw new DitsError('store-outcome-unknown', 'no answer')
        return store.put(key, body, condition)
      },
    })
    expect(await move('again', cut, lost)).toBe('store-outcome-unknown')
    await expect(collect(serve())).rejects.toMatchObject({ code: 'transfer-running' })
    // It does.
    expect(await store.put(`${contentPrefix}refs/heads/again`, Buffer.from(`${cut}\n`), { if: 'absent' })).toBe(true)
    await checkWhole(store)
    clock.nowMs += dayMs
    await collect(serve())
    expect(await checkWhole(store)).toBeGreaterThan(12)
  })
})

describe('two collections at once', () => {
  it('do not both go on', async () => {
    const { store, serve } = await createWithGarbage()
    const condemning = gate((call, key) => call === 'put' && key === 'gc' && records++ > 0)
    let records = 0
    const first = collect(serve(watched(store, condemning.before)))
    await condemning.reached
    await collect(serve())
    condemning.open()
    await expect(first).rejects.toMatchObject({ code: 'repository-busy' })
    await checkWhole(store)
  })
})

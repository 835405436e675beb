import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, it } from 'vitest'
import { beginWriting, createRefs, PackedObjects, PackedWriter, PrefixStore, type Id } from '#core'
import { keys } from '../test/contracts/byte-store.ts'
import { idOfCount } from '../test/services/count-through-ref.ts'
import { startRelay } from '../test/services/http-relay.ts'
import { newBucket } from '../test/services/s3-fixture.ts'
import { describeWithCeph } from '../test/services/use-ceph.ts'
import { S3Store } from './s3-store.ts'

const run = promisify(execFile)

describeWithCeph('several processes on one bucket', () => {
  let bucket: Awaited<ReturnType<typeof newBucket>>
  beforeAll(async () => {
    bucket = await newBucket()
  })

  it('lose no move of a ref that two move 200 times each', async () => {
    const name = 'refs/heads/main'
    const store = await S3Store.open({ ...bucket, prefix: 'refs' })
    await createRefs(store).move(name, undefined, idOfCount(0))
    const races = await Promise.all([1, 2].map(() => program('count-through-ref.ts', { options: { ...bucket, prefix: 'refs' }, name, times: 200 })))
    expect(await createRefs(store).read(name)).toBe(idOfCount(400))
    // Otherwise they did not meet, and nothing was tested.
    expect(Number(races[0]) + Number(races[1])).toBeGreaterThan(0)
    store.close()
  })

  it('lose none either where every fifth answer to one of them is lost', async () => {
    const relay = await startRelay(bucket.endpoint)
    let requests = 0
    relay.fate = () => (requests++ % 5 === 4 ? 'answer lost' : 'pass')
    const name = 'refs/heads/main'
    const store = await S3Store.open({ ...bucket, prefix: 'lossy' })
    await createRefs(store).move(name, undefined, idOfCount(0))
    const both = [{ ...bucket, endpoint: relay.endpoint }, bucket].map((options) => program('count-through-ref.ts', { options: { ...options, prefix: 'lossy' }, name, times: 60 }))
    await Promise.all(both)
    expect(await createRefs(store).read(name)).toBe(idOfCount(120))
    store.close()
    await relay.close()
  })

  it('keep the packs of two who write at the same time, and read each other', async () => {
    const stores = await Promise.all([1, 2].map(() => S3Store.open({ ...bucket, prefix: 'packs' })))
    const repos = stores.map((store) => new PrefixStore(store, 'team/film'))
    const written = await Promise.all(repos.map((repo, i) => writeChunks(repo, i)))
    for (const repo of repos) {
      const objects = await PackedObjects.open(repo)
      for (const [id, byte] of written.flat()) {
        const chunk = await objects.read('chunk', id)
        expect(chunk.length).toBe(300_000)
        expect(chunk[0]).toBe(byte)
      }
    }
    expect((await keys(repos[0]!, 'packs/')).length).toBe(4)
    expect((await keys(stores[0]!, '')).every((key) => key.startsWith('team/film/packs/'))).toBe(true)
    stores.forEach((store) => store.close())
  })

  it('need no more memory for a long value than for a short one', async () => {
    const grownMiB = Number(await program('stream-to-s3.ts', { options: { ...bucket, prefix: 'memory' }, sizeMiB: 512 }))
    expect(grownMiB).toBeLessThan(256)
  })
})

/** 60 chunks of one writer, half of them the same for all; each 300,000 bytes that do not compress. */
async function writeChunks(repo: PrefixStore, writer: number): Promise<[Id, number][]> {
  const objects = await PackedObjects.open(repo)
  const session = await beginWriting(objects.packs, { name: `writer-${writer}`, objects: 60 })
  const packed = new PackedWriter(repo, objects.packs, session)
  const written: [Id, number][] = []
  for (let i = 0; i < 60; i++) {
    const seed = i < 30 ? i : 100 * (writer + 1) + i
    const chunk = noise(seed)
    written.push([packed.write('chunk', chunk), chunk[0]!])
    await packed.ready()
  }
  await packed.flush()
  return written
}

/** The same bytes for the same seed, by a linear congruential generator. */
function noise(seed: number): Uint8Array {
  let state = seed + 1
  return Uint8Array.from({ length: 300_000 }, () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24)
}

/** What a program of `test/services` prints. */
async function program(file: string, what: unknown): Promise<string> {
  const path = fileURLToPath(new URL(`../test/services/${file}`, import.meta.url))
  return (await run(process.execPath, ['--disable-warning=ExperimentalWarning', path, JSON.stringify(what)])).stdout
}

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { blake3Text } from '../hash.ts'
import { hashObject, idFromBytes, type Id } from '../objects/id.ts'
import { createRandom } from '../../fixtures/random.ts'
import { DiskStore } from '../store/disk-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { PrefixStore } from '../store/prefix-store.ts'
import { PackedObjects } from './packed-objects.ts'
import { PackWriter } from './pack-writer.ts'
import { salvagePacks } from './salvage.ts'

/** A pack of random chunks, as bytes, and where each record ends. */
async function packOf(seed: number, count: number): Promise<{ bytes: Buffer; ids: Id[]; ends: number[] }> {
  const random = createRandom(seed)
  const store = new MemoryStore()
  const writer = new PackWriter(store, { nextName: () => 'p' })
  const [ids, ends]: [Id[], number[]] = [[], []]
  let end = 16
  for (let i = 0; i < count; i++) {
    const payload = random.bytes(1 + random.below(40_000))
    const id = hashObject('chunk', payload)
    writer.append({ kind: 'chunk', codec: 0, raw: payload.length, id, payload })
    ids.push(idFromBytes(id))
    ends.push((end += 48 + payload.length))
  }
  await writer.finish()
  const bytes = (await store.get('packs/p.pack', { offset: 0, length: end }))!.bytes
  return { bytes: Buffer.from(bytes), ids, ends }
}

async function openStore(): Promise<{ folder: string; store: DiskStore; objects: PackedObjects; leave: (bytes: Uint8Array, name?: string) => string }> {
  const folder = mkdtempSync(join(tmpdir(), 'dits-salvage-'))
  const store = await DiskStore.open(folder)
  onTestFinished(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await store.put('format', Buffer.from('x'))
  let files = 0
  const leave = (bytes: Uint8Array, name = leftoverName('packs')) => {
    const path = join(folder, 'tmp', `${name}${files++}`)
    writeFileSync(path, bytes)
    return path
  }
  return { folder, store, objects: await PackedObjects.open(store), leave }
}

/** As the number of a process there is none above the largest. */
function leftoverName(keyFolder: string): string {
  return `99999999-${blake3Text(Buffer.from(keyFolder)).slice(0, 16)}-abc`
}

let sessions = 0
const newName = () => `salvaged-${sessions++}`

async function heldOf(objects: PackedObjects, ids: Id[]): Promise<boolean[]> {
  const held: boolean[] = []
  for (const id of ids) held.push(await objects.has(id))
  return held
}

describe('salvaging', () => {
  it('keeps every whole record before the cut, wherever it is, and leaves the file as it is', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const random = createRandom(seed)
      const { store, objects, leave } = await openStore()
      const { bytes, ids, ends } = await packOf(seed, 80)
      const cut = random.below(bytes.length + 1)
      const path = leave(bytes.subarray(0, cut))
      const report = await salvagePacks(store, objects, newName)
      const whole = ends.filter((end) => end <= cut).length
      expect(report.objects, `seed ${seed}`).toBe(whole)
      expect(await heldOf(objects, ids), `seed ${seed}`).toEqual(ids.map((_, i) => i < whole))
      for (const id of ids.slice(0, whole)) await objects.read('chunk', id)
      expect(readFileSync(path).equals(bytes.subarray(0, cut))).toBe(true)
    }
  })

  it('takes nothing that is garbled, and nothing behind it', async () => {
    const { store, objects, leave } = await openStore()
    const { bytes, ids, ends } = await packOf(3, 30)
    bytes[ends[9]! + 60]! ^= 1
    leave(bytes)
    expect((await salvagePacks(store, objects, newName)).objects).toBe(10)
    expect(await heldOf(objects, ids)).toEqual(ids.map((_, i) => i < 10))
    leave(Buffer.from('DITSPACK but no pack'))
    leave(Buffer.alloc(100_000))
    leave(Buffer.alloc(0))
    expect((await salvagePacks(store, objects, newName)).objects).toBe(0)
  })

  it('stores nothing twice: not what is stored, not what two files have, and not when it is called again', async () => {
    const { store, objects, leave, folder } = await openStore()
    const { bytes, ids } = await packOf(4, 20)
    leave(bytes)
    leave(bytes)
    expect((await salvagePacks(store, objects, newName)).objects).toBe(20)
    expect(await heldOf(objects, ids)).not.toContain(false)
    expect((await salvagePacks(store, objects, newName)).objects).toBe(0)
    expect(readdirSync(join(folder, 'packs'))).toHaveLength(2)
  })

  it('takes over a pack that got its name but no index', async () => {
    const { store, objects } = await openStore()
    const { bytes, ids } = await packOf(8, 20)
    await store.put('packs/orphan.pack', bytes)
    expect((await salvagePacks(store, objects, newName)).objects).toBe(20)
    expect(await heldOf(objects, ids)).not.toContain(false)
  })

  it('looks at a file again that has grown', async () => {
    const { store, objects, leave } = await openStore()
    const { bytes, ends } = await packOf(5, 20)
    const path = leave(bytes.subarray(0, ends[4]))
    expect((await salvagePacks(store, objects, newName)).objects).toBe(5)
    writeFileSync(path, bytes)
    expect((await salvagePacks(store, objects, newName)).objects).toBe(15)
  })

  it('leaves alone what a running process writes, and what is meant for other keys', async () => {
    const { store, objects, leave } = await openStore()
    const { bytes } = await packOf(6, 10)
    leave(bytes, `${process.ppid}${leftoverName('packs').slice(8)}`)
    leave(bytes, leftoverName('secret/packs'))
    leave(bytes, 'somebody-elses')
    expect((await salvagePacks(store, objects, newName)).objects).toBe(0)
    const other = new PrefixStore(store, 'secret')
    expect((await salvagePacks(other, await PackedObjects.open(other), newName)).objects).toBe(10)
  })

  it('does nothing in a store that keeps no leftovers', async () => {
    const store = new MemoryStore()
    expect(await salvagePacks(store, await PackedObjects.open(store), newName)).toEqual({ objects: 0, bytes: 0 })
  })
})

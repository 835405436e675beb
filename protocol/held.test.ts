import { expect, it } from 'vitest'
import { MemoryStore, PackedObjects } from '#core'
import { storePacks } from '../core/pack/packs.fixture.ts'
import { createRandom } from '../fixtures/random.ts'
import { bitAt, heldBits, packShortIds } from './held.ts'
import { shortIdsPerMessageMax } from './limits.ts'

it('as many short ids as one message has are answered each in its place, also those that are asked for twice', async () => {
  const store = new MemoryStore()
  const stored = await storePacks(store, 'a', { packs: 3, objects: 40, seed: 6 })
  const random = createRandom(7)
  const asked = random.bytes(shortIdsPerMessageMax * 6)
  const places = new Set<number>([0, shortIdsPerMessageMax - 1])
  while (places.size < 200) places.add(random.below(shortIdsPerMessageMax))
  for (const place of places) asked.set(packShortIds([stored[random.below(stored.length)]!.id]), place * 6)
  const bits = await heldBits(await PackedObjects.open(store), asked)
  for (let i = 0; i < shortIdsPerMessageMax; i++) if (bitAt(bits, i) !== places.has(i)) throw new Error(`seed 7, place ${i}`)
  expect(bits.length).toBe(shortIdsPerMessageMax / 8)
})

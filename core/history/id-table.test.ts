import { describe, expect, it } from 'vitest'
import { hashObject, idFromBytes, type Id } from '../objects/id.ts'
import { Heap } from './heap.ts'
import { seededRandom } from './history-fixture.ts'
import { IdTable, NumberColumn } from './id-table.ts'

function idOf(number: number): Id {
  return idFromBytes(hashObject('chunk', Buffer.from(`${number}`)))
}

describe('IdTable', () => {
  it('numbers ids in the order in which they come, however many', () => {
    const table = new IdTable()
    for (let number = 0; number < 5000; number++) expect(table.add(idOf(number))).toBe(number)
    for (let number = 0; number < 5000; number++) expect(table.add(idOf(number))).toBe(number)
    expect(table.size).toBe(5000)
    expect(table.idAt(4321)).toBe(idOf(4321))
    expect(table.numberOf(idOf(17))).toBe(17)
    expect(table.numberOf(idOf(5001))).toBeUndefined()
  })

  it('tells ids apart that start alike', () => {
    const table = new IdTable()
    const alike = Array.from({ length: 300 }, (_, number) => `${'0'.repeat(60)}${number.toString(16).padStart(4, '0')}` as Id)
    expect(alike.map((id) => table.add(id))).toEqual(alike.map((_, number) => number))
    expect(alike.map((id) => table.numberOf(id))).toEqual(alike.map((_, number) => number))
  })
})

describe('NumberColumn', () => {
  it('is 0 where nothing was written, and keeps what was', () => {
    const column = new NumberColumn()
    column.set(1000, -7)
    column.set(3, 1.5e12)
    expect([column.get(0), column.get(3), column.get(1000), column.get(1_000_000)]).toEqual([0, 1.5e12, -7, 0])
  })
})

describe('Heap', () => {
  it('gives the smallest first, whatever the order of pushes and pops', () => {
    const random = seededRandom(11)
    const heap = new Heap<number>((a, b) => a < b)
    const held: number[] = []
    for (let i = 0; i < 2000; i++) {
      if (random() < 0.6) {
        const value = Math.floor(random() * 500)
        heap.push(value)
        held.push(value)
      } else {
        held.sort((a, b) => a - b)
        expect(heap.peek()).toBe(held[0])
        expect(heap.pop()).toBe(held.shift())
      }
      expect(heap.length).toBe(held.length)
    }
  })
})

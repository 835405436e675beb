import { expect, it } from 'vitest'
import { nearestName } from './nearest-name.ts'

it.each([
  ['mian', ['main', 'mine'], 'main'],
  ['gradin', ['grading', 'sound'], 'grading'],
  ['Main', ['main'], 'main'],
  ['v2', ['v1', 'v3'], undefined],
  ['shot-010', ['shot-011', 'shot-20'], undefined],
  ['shto-010', ['shot-010'], 'shot-010'],
  ['x', ['a', 'b'], undefined],
  ['sound', ['main'], undefined],
])('%s, among %j, may have been %s', (typed, names, meant) => {
  expect(nearestName(typed, names)).toBe(meant)
})

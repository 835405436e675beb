import { describe, expect, it } from 'vitest'
import { createProgress, drawBar, type BarState, type ProgressMode } from './progress.ts'
import { textWidth } from './text-width.ts'

/** Progress on a clock that the test moves, and what it wrote. */
function watched(mode: ProgressMode) {
  const written: string[] = []
  let timeMs = 0
  const progress = createProgress({ mode, write: (text) => void written.push(text), columns: () => 120, clock: () => timeMs })
  return { progress, written, wait: (spanMs: number) => void (timeMs += spanMs) }
}

describe('progress', () => {
  it('is redrawn at most ten times a second on a terminal', () => {
    const { progress, written, wait } = watched('bar')
    const bar = progress.start({ label: 'Adding', unit: 'bytes', total: 1000 })
    for (let step = 0; step < 1000; step++) {
      wait(1)
      bar.advance(1, 'clip.mov')
    }
    expect(written).toHaveLength(10)
    expect(written.at(-1)).toContain('100%')
    expect(written.at(-1)).toContain('1.0 kB/s')
    expect(written.at(-1)).toContain('clip.mov')
  })

  it('takes its bar away at the end, and before other output', () => {
    const { progress, written, wait } = watched('bar')
    const bar = progress.start({ label: 'Adding', unit: 'count' })
    progress.clear()
    expect(written).toEqual([])
    wait(100)
    bar.advance(1)
    progress.clear()
    progress.clear()
    expect(written).toHaveLength(2)
    wait(100)
    bar.advance(1)
    bar.finish()
    wait(100)
    bar.advance(1)
    expect(written).toHaveLength(4)
    expect(written.at(-1)).toBe('\r\x1b[K')
  })

  it('is a line every ten seconds where there is no terminal', () => {
    const { progress, written, wait } = watched('lines')
    const bar = progress.start({ label: 'Adding', unit: 'bytes', total: 100_000_000 })
    for (let second = 0; second < 25; second++) {
      wait(1000)
      bar.advance(1_000_000, 'clip.mov')
    }
    expect(written).toEqual(['Adding  10%  10.0 MB / 100 MB  1.0 MB/s  1:30 left\n', 'Adding  20%  20.0 MB / 100 MB  1.0 MB/s  1:20 left\n'])
  })

  it('is silent where it is told to be', () => {
    const { progress, written, wait } = watched('none')
    const bar = progress.start({ label: 'Adding', unit: 'bytes' })
    wait(100_000)
    bar.advance(5)
    bar.finish()
    expect(written).toEqual([])
  })
})

describe('a bar', () => {
  const state: BarState = { label: 'Adding', unit: 'bytes', done: 500, total: 1000, rate: 100, current: 'dailies/2024/映画.mov' }

  it('shows all it knows where there is room', () => {
    expect(drawBar(state, 120)).toBe('Adding   50%  [==========          ]  500 B / 1.0 kB  100 B/s  0:05  dailies/2024/映画.mov')
  })

  it('fits into any width', () => {
    for (let columns = 1; columns < 120; columns++) expect(textWidth(drawBar(state, columns)), `${columns} columns`).toBeLessThanOrEqual(columns)
  })

  it('does without a total', () => {
    expect(drawBar({ ...state, unit: 'count', total: undefined, rate: undefined, current: '' }, 80)).toBe('Adding  500')
  })

  it('keeps control characters of names away from the terminal', () => {
    expect(drawBar({ ...state, current: 'a\x1b[2Jb' }, 120)).toContain('a?[2Jb')
  })
})

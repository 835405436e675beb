import { formatClock, formatCount, formatSize } from './format.ts'
import { printable } from './printable.ts'
import { keepEnd, textWidth } from './text-width.ts'

/** How progress shows: a bar that is redrawn, a line now and then, or not at all. */
export type ProgressMode = 'bar' | 'lines' | 'none'

/** Shows how far long work has come, one bar at a time. */
export interface Progress {
  /** Begins a bar; one that is still there ends. */
  start(options: BarOptions): ProgressBar
  /** Takes the bar off the terminal, until the next advance; for whoever is about to write there. */
  clear(): void
}

export interface BarOptions {
  /** What is done, such as 'Adding'. */
  label: string
  /** What is counted: bytes, or things. */
  unit: 'bytes' | 'count'
  /** How much there is to do; left out where it is not known yet. */
  total?: number
}

/** One piece of work while it is done. Calls are cheap: most of them draw nothing. */
export interface ProgressBar {
  /** Adds to what is done; `current` is what is worked on, such as a path. */
  advance(amount: number, current?: string): void
  /** Sets what is done, for callers that know it themselves. */
  moveTo(done: number, current?: string): void
  setTotal(total: number): void
  /** Takes the bar away. Further calls do nothing. */
  finish(): void
}

/** Where progress shows, and by which clock. */
export interface ProgressOptions {
  mode: ProgressMode
  write(text: string): void
  columns(): number
  /** Milliseconds that only ever grow. */
  clock(): number
}

const redrawMs = 100
const lineMs = 10_000
/** The rate is taken over this long, so that it neither jumps nor lags. */
const rateSpanMs = 5000
const rateSamplesMax = 50
const barColumns = 20
const clearLine = '\r\x1b[K'

/** The progress of one process: at most ten redraws a second on a terminal, a line every ten seconds elsewhere. */
export function createProgress(options: ProgressOptions): Progress {
  let active: Bar | undefined
  return {
    start(bar) {
      active?.finish()
      active = new Bar(bar, options)
      return active
    },
    clear: () => active?.clear(),
  }
}

/** What a bar shows. */
export interface BarState {
  label: string
  unit: 'bytes' | 'count'
  done: number
  total: number | undefined
  /** Units a second; `undefined` while too little is known. */
  rate: number | undefined
  current: string
}

class Bar implements ProgressBar {
  private readonly state: BarState
  private readonly samples: { timeMs: number; done: number }[]
  private readonly options: ProgressOptions
  private shownMs: number
  private isShown = false
  private isFinished = false

  constructor(bar: BarOptions, options: ProgressOptions) {
    this.state = { label: bar.label, unit: bar.unit, done: 0, total: bar.total, rate: undefined, current: '' }
    this.options = options
    this.shownMs = options.clock()
    this.samples = [{ timeMs: this.shownMs, done: 0 }]
  }

  advance(amount: number, current?: string): void {
    this.moveTo(this.state.done + amount, current)
  }

  moveTo(done: number, current?: string): void {
    this.state.done = done
    if (current !== undefined) this.state.current = current
    this.show()
  }

  setTotal(total: number): void {
    this.state.total = total
    this.show()
  }

  finish(): void {
    this.clear()
    this.isFinished = true
  }

  clear(): void {
    if (this.isShown) this.options.write(clearLine)
    this.isShown = false
  }

  private show(): void {
    const { mode } = this.options
    if (mode === 'none' || this.isFinished) return
    const timeMs = this.options.clock()
    if (timeMs - this.shownMs < (mode === 'bar' ? redrawMs : lineMs)) return
    this.shownMs = timeMs
    this.state.rate = this.measureRate(timeMs)
    if (mode === 'bar') this.options.write(clearLine + drawBar(this.state, this.options.columns() - 1))
    else this.options.write(`${drawLine(this.state)}\n`)
    this.isShown = mode === 'bar'
  }

  private measureRate(timeMs: number): number | undefined {
    const { samples } = this
    samples.push({ timeMs, done: this.state.done })
    while (samples.length > 2 && (samples.length > rateSamplesMax || timeMs - samples[1]!.timeMs > rateSpanMs)) samples.shift()
    const first = samples[0]!
    return timeMs > first.timeMs ? ((this.state.done - first.done) * 1000) / (timeMs - first.timeMs) : undefined
  }
}

/** The bar in at most `columns` columns. What matters least goes first where there is no room. */
export function drawBar(state: BarState, columns: number): string {
  const share = shareDone(state)
  const percent = share === undefined ? '' : `${String(Math.floor(share * 100)).padStart(3)}%`
  const bar = share === undefined ? '' : `[${'='.repeat(Math.round(share * barColumns)).padEnd(barColumns)}]`
  const parts = [state.label, percent, bar, amounts(state), rateText(state), timeLeft(state)]
  for (const dropped of [undefined, 2, 5, 4, 3, 1]) {
    if (dropped !== undefined) parts[dropped] = ''
    const line = parts.filter(Boolean).join('  ')
    const room = columns - textWidth(line) - 2
    if (room >= 0 || dropped === 1) {
      const current = room >= 8 && state.current ? `  ${keepEnd(printable(state.current), room)}` : ''
      return keepEnd(line, columns) + current
    }
  }
  return ''
}

function drawLine(state: BarState): string {
  const share = shareDone(state)
  const percent = share === undefined ? '' : `${Math.floor(share * 100)}%`
  return [state.label, percent, amounts(state), rateText(state), timeLeft(state) && `${timeLeft(state)} left`].filter(Boolean).join('  ')
}

function shareDone({ done, total }: BarState): number | undefined {
  if (total === undefined) return undefined
  return total === 0 ? 1 : Math.min(1, done / total)
}

function amounts({ unit, done, total }: BarState): string {
  const format = unit === 'bytes' ? formatSize : formatCount
  return total === undefined ? format(done) : `${format(done)} / ${format(total)}`
}

function rateText({ unit, rate }: BarState): string {
  if (rate === undefined) return ''
  return unit === 'bytes' ? `${formatSize(rate)}/s` : `${formatCount(Math.round(rate))}/s`
}

function timeLeft({ done, total, rate }: BarState): string {
  return total === undefined || !rate || done >= total ? '' : formatClock(((total - done) * 1000) / rate)
}

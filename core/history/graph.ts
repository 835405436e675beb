import type { Id } from '../objects/id.ts'

/** What stands in one character cell. Even cells are lanes, odd cells the gaps between them. */
export type GraphSymbol = ' ' | '*' | '|' | '/' | '\\'

/** One row of the graph beside a log. */
export interface GraphRow {
  /** The commit that the row shows; `undefined` for a row that only joins lanes. */
  id: Id | undefined
  /** Without blanks at the end. */
  cells: GraphSymbol[]
  /** The same as one string. */
  text: string
}

/** A line on its way between two rows of commits: it stands in lane `at` and belongs in lane `goal`. */
interface Edge {
  at: number
  goal: number
  /** Whether it shares its goal with an edge to its left, so that it may cross other lanes to get there. */
  joins: boolean
}

/**
 * Draws the lanes of `log --graph`. Hand it the commits in an order where no
 * parent comes before a child of it (`walkCommits` with `order: 'topo'`); each
 * `add` gives the row of the commit and then the rows that lead to the next.
 * Its state is one id per open lane.
 */
export class Graph {
  /** The commit that each lane leads down to; no commit twice. */
  #lanes: Id[] = []

  /** How many lanes are open after the commits so far. */
  get lanes(): number {
    return this.#lanes.length
  }

  /** The rows for one commit with its parents, in order. */
  add(commit: { id: Id; parents: readonly Id[] }): GraphRow[] {
    let lane = this.#lanes.indexOf(commit.id)
    if (lane < 0) lane = this.#lanes.push(commit.id) - 1
    const rows = [commitRow(commit.id, lane, this.#lanes.length)]
    const own = this.#ownSlots(lane, commit.parents)
    const spread = own.slots.length - 1
    for (let step = 1; step <= spread; step++) rows.push(spreadRow(lane, step, this.#lanes.length))
    const slots = [...this.#lanes.slice(0, lane), ...own.slots, ...this.#lanes.slice(lane + 1)]
    const positions = slots.map((id, at) => ({ id, at: own.slots.length === 0 && at >= lane ? at + 1 : at }))
    positions.push(...own.leftward.map((id) => ({ id, at: lane })))
    this.#lanes = [...new Set(slots)]
    rows.push(...settle(positions.map(({ id, at }) => this.#edge(id, at))))
    return rows
  }

  /** The parents that get lanes beside each other in the commit's place, and those that already have one to its left. */
  #ownSlots(lane: number, parents: readonly Id[]): { slots: Id[]; leftward: Id[] } {
    const left = new Set(this.#lanes.slice(0, lane))
    const distinct = [...new Set(parents)]
    return { slots: distinct.filter((id) => !left.has(id)), leftward: distinct.filter((id) => left.has(id)) }
  }

  #edge(id: Id, at: number): Edge {
    return { at, goal: this.#lanes.indexOf(id), joins: false }
  }
}

function commitRow(id: Id, lane: number, lanes: number): GraphRow {
  const cells: GraphSymbol[] = []
  for (let i = 0; i < lanes; i++) put(cells, 2 * i, i === lane ? '*' : '|')
  return finishRow(id, cells)
}

/** A row in which the lanes right of `lane` move one further right, to make room for the parents of a merge. */
function spreadRow(lane: number, step: number, lanes: number): GraphRow {
  const cells: GraphSymbol[] = []
  for (let i = 0; i <= lane; i++) put(cells, 2 * i, '|')
  for (let i = lane + 1; i < lane + step; i++) put(cells, 2 * i, '|')
  for (let i = lane + step - 1; i < lanes + step - 1; i++) put(cells, 2 * i + 1, '\\')
  return finishRow(undefined, cells)
}

/**
 * Rows in which every edge gets to its goal, one lane a row. All goals lie to
 * the left. An edge that joins another may cross the lanes between; the others
 * only close gaps, and wait until the lane beside them is free.
 */
function settle(edges: Edge[]): GraphRow[] {
  edges.sort((a, b) => a.at - b.at || a.goal - b.goal)
  const goals = new Set<number>()
  for (const edge of edges) {
    edge.joins = goals.has(edge.goal)
    goals.add(edge.goal)
  }
  const rows: GraphRow[] = []
  while (edges.some((edge) => edge.at !== edge.goal)) rows.push(settleOnce(edges))
  return rows
}

function settleOnce(edges: Edge[]): GraphRow {
  const cells: GraphSymbol[] = []
  const held = new Set<number>()
  const gaps = new Set<number>()
  for (const edge of edges) if (edge.at === edge.goal) held.add(edge.at)
  for (const edge of edges) if (edge.joins && edge.at > edge.goal) gaps.add(edge.at)
  for (const edge of [...edges].sort((a, b) => a.at - b.at)) {
    const moves = edge.at > edge.goal && (edge.joins || (!held.has(edge.at - 1) && !gaps.has(edge.at)))
    if (moves) {
      gaps.add(edge.at)
      put(cells, 2 * edge.at - 1, '/')
      edge.at--
    } else {
      held.add(edge.at)
      put(cells, 2 * edge.at, '|')
    }
  }
  return finishRow(undefined, cells)
}

function put(cells: GraphSymbol[], at: number, symbol: GraphSymbol): void {
  while (cells.length < at) cells.push(' ')
  cells[at] = symbol
}

function finishRow(id: Id | undefined, cells: GraphSymbol[]): GraphRow {
  return { id, cells, text: cells.join('') }
}

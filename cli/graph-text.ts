import { Graph } from '../core/history/graph.ts'
import type { Id } from '../core/objects/id.ts'

/** Sets lines of text beside the lanes of a history. */
export class GraphText {
  readonly #graph = new Graph()

  /** The lanes between two commits. */
  between(): string {
    return Array.from({ length: this.#graph.lanes }, () => '|').join(' ')
  }

  /** The lines of one commit with the lanes to their left; where there are more rows of lanes than lines, they stand alone. */
  beside(commit: { id: Id; parents: readonly Id[] }, lines: readonly string[]): string[] {
    const rows = this.#graph.add(commit).map(({ text }) => text)
    while (rows.length < lines.length) rows.push(this.between())
    const width = Math.max(...rows.map((row) => row.length))
    return rows.map((row, i) => (lines[i] === undefined ? row : `${row.padEnd(width)} ${lines[i]}`.trimEnd()))
  }
}

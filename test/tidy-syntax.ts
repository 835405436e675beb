import { parseAst } from 'vitest/node'

/** A node of the syntax tree (ESTree with TypeScript), with the fields that the rules look at. */
export interface Node {
  type: string
  /** Offsets into the text. */
  start: number
  end: number
  body?: Node[] | Node | null
  declaration?: Node | null
  id?: { name?: string } | null
  /** What an import or export names; for a dynamic import an expression. */
  source?: (Node & { value?: unknown }) | null
  importKind?: 'type' | 'value'
  exportKind?: 'type' | 'value'
  specifiers?: (Node & { importKind?: 'type' | 'value' })[]
}

/** Parses TypeScript. Throws with the file's name where it cannot. */
export function parseSource(file: string, text: string): Node {
  try {
    return parseAst(text, { lang: 'ts' }) as unknown as Node
  } catch (cause) {
    throw new Error(`${file} cannot be parsed: ${(cause as Error).message}`, { cause })
  }
}

/** Calls `enter` for every node, parents first. */
export function visit(node: Node, enter: (node: Node) => void): void {
  enter(node)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child !== null && typeof child === 'object' && typeof (child as Node).type === 'string') visit(child as Node, enter)
    }
  }
}

/** The line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  return countLines(text.slice(0, offset + 1))
}

/** Lines of a text; a line end at its end does not begin another. */
export function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}

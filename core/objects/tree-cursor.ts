import type { BytePath } from '../bytes.ts'
import { damaged } from './columns.ts'
import type { Id } from './id.ts'
import type { ObjectReader } from './object-io.ts'
import { decodeTreeNode, type TreeChild, type TreeNode } from './tree-node.ts'

/** What the one who names a node knows about it; a node that differs is damage. */
export interface Expected {
  /** `undefined` for a root, which may have any level. */
  level?: number
  size?: number
  count?: number
  /** Every name below comes after this one; '' where there is no bound. */
  after: BytePath
  /** The last name below. */
  last?: BytePath
}

/**
 * Reads a node and checks it against what its parent says. Throws
 * `object-damaged` where they disagree, and what the reader throws.
 */
export async function readTreeNode(reader: ObjectReader, id: Id, expected: Expected): Promise<TreeNode> {
  const node = decodeTreeNode(await reader.read('tree', id))
  const rows = node.level === 0 ? node.entries : node.children
  const what = `tree node '${id}'`
  if (expected.level === undefined) {
    if (node.level > 0 && rows.length < 2) throw damaged(what, 'a root above level 0 has at least two rows')
  } else if (expected.level !== node.level) {
    throw damaged(what, `it has level ${node.level} where ${expected.level} belongs`)
  }
  const { size = node.size, count = node.count, after, last } = expected
  if (node.size !== size || node.count !== count) throw damaged(what, 'its totals are not what is said of it')
  const first = rows[0]
  if (first && first.name <= after) throw damaged(what, 'its names are out of order')
  if (last !== undefined && rows.at(-1)?.name !== last) throw damaged(what, 'its last name is not what is said of it')
  return node
}

interface Frame {
  node: TreeNode
  index: number
  after: BytePath
}

/**
 * A place in the sequence of one directory's entries: it stands before a row
 * of a node, an entry at level 0 or a whole subtree above. Holds one node a
 * level.
 */
export class TreeCursor {
  readonly #reader: ObjectReader
  readonly #frames: Frame[] = []

  private constructor(reader: ObjectReader) {
    this.#reader = reader
  }

  /** A cursor before the first row of a root; `size` is what its entry says, where it is known. */
  static async open(reader: ObjectReader, root: Id, size?: number): Promise<TreeCursor> {
    const cursor = new TreeCursor(reader)
    const after = '' as BytePath
    const node = await readTreeNode(reader, root, size === undefined ? { after } : { after, size })
    cursor.#push(node, after)
    return cursor
  }

  /** A cursor over nothing. */
  static empty(reader: ObjectReader): TreeCursor {
    return new TreeCursor(reader)
  }

  /** The node that the cursor stands in, and the row that it stands before; `undefined` at the end. */
  get frame(): { readonly node: TreeNode; index: number } | undefined {
    return this.#frames.at(-1)
  }

  /** The subtree that the cursor stands before; `undefined` before an entry and at the end. */
  get child(): TreeChild | undefined {
    const frame = this.frame
    return frame?.node.children[frame.index]
  }

  /** Goes past `rows` rows of the current node. */
  skip(rows: number): void {
    const frame = this.frame
    if (frame) frame.index += rows
    this.#leaveEnded()
  }

  /** Goes into the subtree that the cursor stands before. */
  async descend(): Promise<void> {
    const frame = this.#frames.at(-1)
    const child = frame?.node.children[frame.index]
    if (!frame || !child) throw new RangeError('there is no node to go into')
    const after = frame.node.children[frame.index - 1]?.name ?? frame.after
    const { size, count, name: last } = child
    const node = await readTreeNode(this.#reader, child.id, { level: frame.node.level - 1, size, count, after, last })
    frame.index++
    this.#push(node, after)
  }

  #push(node: TreeNode, after: BytePath): void {
    this.#frames.push({ node, index: 0, after })
    this.#leaveEnded()
  }

  /** Pops every node whose rows are done, but not one that was just entered and has rows. */
  #leaveEnded(): void {
    for (let frame = this.#frames.at(-1); frame; frame = this.#frames.at(-1)) {
      if (frame.index < frame.node.entries.length + frame.node.children.length) return
      this.#frames.pop()
    }
  }
}

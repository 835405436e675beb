import { DitsError } from './errors.ts'
import type { Id, ObjectKind } from './objects/id.ts'
import { referencesOf } from './objects/references.ts'
import type { PackedObjects } from './pack/packed-objects.ts'
import type { Located } from './pack/pack-set.ts'

/** An object that something refers to. */
export interface ObjectRef {
  kind: ObjectKind
  id: Id
}

/** A set of stored objects: a bit for each record of each pack. */
export class ObjectMarks {
  private readonly packs = new Map<string, Uint8Array>()

  /** Marks an object; answers whether it was not marked before. */
  add(located: Located): boolean {
    let bits = this.packs.get(located.pack)
    if (!bits) this.packs.set(located.pack, (bits = new Uint8Array(Math.ceil(located.packObjects / 8))))
    const byte = located.rank >>> 3
    const bit = 1 << (located.rank & 7)
    if (bits[byte]! & bit) return false
    bits[byte]! |= bit
    return true
  }

  /** Takes the marks of a whole pack away. */
  forget(pack: string): void {
    this.packs.delete(pack)
  }

  has(pack: string, rank: number): boolean {
    return ((this.packs.get(pack)?.[rank >>> 3] ?? 0) & (1 << (rank & 7))) !== 0
  }
}

export interface ReachOptions {
  signal?: AbortSignal | undefined
  /** Marks of what was reached before, to which these are added. */
  marks?: ObjectMarks
  /** Called for each object that is not there or cannot be read; without it the first one throws. */
  onProblem?: (problem: { object: ObjectRef; parent: ObjectRef | undefined; error: DitsError }) => void
  /** Called for each object that was not marked before, with how many there were so far. */
  onObject?: (objects: number, located: Located) => void
  /**
   * The repository is partial: content that is not here is a ghost and no
   * problem. Called for each reference to one.
   */
  onGhost?: ((object: ObjectRef) => void) | undefined
}

/** True for what files are made of, which a partial repository may lack. */
export function isContentKind(kind: ObjectKind): boolean {
  return kind === 'chunk' || kind === 'list' || kind === 'manifest'
}

/**
 * Marks everything that can be reached from `roots`. Every object but a chunk
 * is read, and so verified; a chunk is only looked up. Memory: a bit for each
 * object of the repository, and the objects still to visit.
 */
export async function markReachable(objects: PackedObjects, roots: Iterable<ObjectRef>, options: ReachOptions = {}): Promise<ObjectMarks> {
  const marks = options.marks ?? new ObjectMarks()
  const open: { object: ObjectRef; parent: ObjectRef | undefined }[] = []
  for (const object of roots) open.push({ object, parent: undefined })
  let count = 0
  for (let next = open.pop(); next; next = open.pop()) {
    options.signal?.throwIfAborted()
    const { object, parent } = next
    try {
      // Most of what is met is a chunk whose index was asked just before: that needs no turn of the event loop.
      const located = objects.locateNow(object.id) ?? (await locate(objects, object, options))
      if (!located && options.onGhost && isContentKind(object.kind)) {
        options.onGhost(object)
        continue
      }
      if (!located) throw new DitsError('object-missing', `${object.kind} '${object.id}' is missing`)
      if (located.kind !== object.kind) throw new DitsError('object-damaged', `'${object.id}' is a ${located.kind}, not a ${object.kind}`)
      if (!marks.add(located)) continue
      options.onObject?.(++count, located)
      if (object.kind === 'chunk') continue
      const isFirst = objects.shallow.has(object.id)
      for (const child of referencesOf(object.kind, await objects.read(object.kind, object.id))) {
        if (!isFirst || child.kind !== 'commit') open.push({ object: child, parent: object })
      }
    } catch (error) {
      if (!(error instanceof DitsError) || !options.onProblem) throw error
      options.onProblem({ object, parent, error })
    }
  }
  return marks
}

async function locate(objects: PackedObjects, { kind, id }: ObjectRef, { onGhost }: ReachOptions): Promise<Located | undefined> {
  return onGhost && isContentKind(kind) ? objects.locateKnown(id) : objects.locate(id)
}

import { MemoryObjects } from '../objects/memory-objects.ts'
import type { Emit, ObjectReader } from '../objects/object-io.ts'
import { openWriter, type Repo } from '../repo.ts'

/**
 * Where trees and commits are made, one from another, before any of them is
 * stored. What is made stays in memory until then, so this is for nodes of
 * trees and for commits, not for content; and where a command turns out to be
 * impossible, nothing has been written.
 */
export interface Workbench {
  /** Reads the repository, and what was emitted. */
  reader: ObjectReader
  emit: Emit
  /** Stores everything that was emitted; durable, and read by the repository, when it resolves. */
  flush(): Promise<void>
}

/** An empty workbench. `flush` throws what the store throws. */
export function openWorkbench(repo: Repo): Workbench {
  let made = new MemoryObjects()
  return {
    reader: {
      get shallow() {
        return repo.objects.shallow
      },
      read: (kind, id) => (made.objects.has(id) ? made.read(kind, id) : repo.objects.read(kind, id)),
      has: async (id) => made.objects.has(id) || repo.objects.has(id),
    },
    emit: (kind, bytes) => made.write(kind, bytes),
    async flush() {
      if (made.objects.size === 0) return
      const writer = await openWriter(repo, made.objects.size)
      for (const { kind, bytes } of made.objects.values()) {
        writer.write(kind, bytes)
        await writer.ready()
      }
      await writer.flush()
      await repo.objects.packs.refresh()
      made = new MemoryObjects()
    },
  }
}

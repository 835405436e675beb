import { MemoryObjects } from '../objects/memory-objects.ts'
import type { Emit, ObjectReader } from '../objects/object-io.ts'
import { openWriter, type Repo } from '../repo.ts'

/** Where trees and commits are made, one from another, before any of them is durable. */
export interface Workbench {
  /** Reads the repository, and what was emitted. */
  reader: ObjectReader
  emit: Emit
  /** Resolves when everything that was emitted is durable, and the repository reads it. */
  flush(): Promise<void>
}

/** What is emitted stays in memory too, so a workbench is for nodes of trees and commits, not for content. */
export async function openWorkbench(repo: Repo): Promise<Workbench> {
  const writer = await openWriter(repo)
  const made = new MemoryObjects()
  return {
    reader: {
      read: (kind, id) => (made.objects.has(id) ? made.read(kind, id) : repo.objects.read(kind, id)),
      has: async (id) => made.objects.has(id) || repo.objects.has(id),
    },
    emit(kind, bytes) {
      made.write(kind, bytes)
      return writer.write(kind, bytes)
    },
    async flush() {
      await writer.flush()
      await repo.objects.packs.refresh()
    },
  }
}

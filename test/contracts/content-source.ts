import { beforeEach, describe, expect, it } from 'vitest'
import type { ContentSource } from '../../core/ghosts/content-source.ts'
import type { ObjectRef } from '../../core/reachable.ts'
import { PackedObjects } from '../../core/pack/packed-objects.ts'
import type { ByteStore } from '../../core/store/byte-store.ts'

export interface OpenedContentSource {
  source: ContentSource
  /** Manifests, lists and chunks that the source has, and that the repository lacks so far. */
  wanted: readonly ObjectRef[]
  /** The repository's own store, as another process has it. */
  reopen(): Promise<ByteStore>
}

/** The promises of ContentSource (core/ghosts/content-source.ts). What `open` opens is closed by it when the test is over. */
export function contentSourceContract(name: string, open: () => Promise<OpenedContentSource>): void {
  describe(`content from ${name}`, () => {
    let opened: OpenedContentSource
    beforeEach(async () => {
      opened = await open()
    })

    const objectsHere = async (): Promise<PackedObjects> => PackedObjects.open(await opened.reopen())

    it('is there for whoever looks next', async () => {
      const { source, wanted } = opened
      expect(wanted.length).toBeGreaterThan(1)
      for (const { id } of wanted) expect(await (await objectsHere()).has(id)).toBe(false)
      await source.bring(wanted)
      const objects = await objectsHere()
      for (const { kind, id } of wanted) expect((await objects.read(kind, id)).length).toBeGreaterThan(0)
    })

    it('may be asked for again, and for nothing', async () => {
      const { source, wanted } = opened
      await source.bring([])
      await source.bring(wanted.slice(0, 1))
      await source.bring(wanted)
      const objects = await objectsHere()
      for (const { id } of wanted) expect(await objects.has(id)).toBe(true)
    })

    it('is refused by code where one object cannot be had', async () => {
      const { source, wanted } = opened
      const unknown: ObjectRef = { kind: 'chunk', id: 'e'.repeat(64) as ObjectRef['id'] }
      await expect(source.bring([...wanted, unknown])).rejects.toMatchObject({ code: 'content-unavailable' })
    })

    it('says how much came', async () => {
      let bytes = 0
      await opened.source.bring(opened.wanted, { onBytes: (more) => (bytes += more) })
      expect(bytes).toBeGreaterThan(0)
    })
  })
}

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../fixtures/random.ts'
import type { BytePath } from '../bytes.ts'
import { decodeCommit } from '../objects/commit.ts'
import { idToBytes } from '../objects/id.ts'
import { readChunks } from '../objects/chunk-list.ts'
import { entryAtPath } from '../objects/tree.ts'
import { TestRepo } from '../repo.fixture.ts'
import { openWriter } from '../repo.ts'
import { ContentReader } from './content-reader.ts'

describe('a file of many chunks', () => {
  it('is read although a copy of one chunk is damaged, where there is another', async () => {
    const test = await TestRepo.create()
    const content = createRandom(1).bytes(400_000)
    const { tree } = decodeCommit(await test.repo.objects.read('commit', await test.commit({ 'clip.bin': content })))
    const entry = (await entryAtPath(test.repo.objects, tree, 'clip.bin' as BytePath))!
    const reader = new ContentReader(test.repo.objects)
    const chunks = []
    for await (const refs of readChunks(test.repo.objects, (await reader.manifest(entry)).root)) chunks.push(...refs)
    const chunk = chunks[chunks.length >> 1]!
    const located = (await test.repo.objects.locate(chunk.id))!
    const file = join(test.repo.folder, 'packs', `${located.pack}.pack`)
    const bytes = readFileSync(file)
    bytes[located.offset + 100]! ^= 1
    writeFileSync(file, bytes)
    const readAll = async () => Buffer.concat(await Array.fromAsync(new ContentReader((await test.reopen()).objects).stream(entry)))
    await expect(readAll()).rejects.toMatchObject({ code: 'object-damaged' })
    const writer = await openWriter(test.repo)
    writer.append('chunk', idToBytes(chunk.id), content.subarray(chunk.offset, chunk.offset + chunk.length))
    await writer.flush()
    expect(Buffer.compare(await readAll(), content)).toBe(0)
  })
})

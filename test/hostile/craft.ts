import { encodeCommit } from '../../core/objects/commit.ts'
import { hashObject, idFromBytes, idToBytes, kindCodes, type Id, type ObjectKind } from '../../core/objects/id.ts'
import { encodePackHeader, writeRecordHeader, type Codec } from '../../core/pack/pack-format.ts'
import { PackIndexBuilder } from '../../core/pack/pack-index.ts'
import { indexKey, packKey } from '../../core/pack/pack-writer.ts'
import type { Repo } from '../../core/repo.ts'

/**
 * Packs as an attacker would make them: every checksum and id is right, and
 * what they cover is not what any dits would have written. Nothing is checked
 * here; encodings are put together by hand.
 */

export interface CraftedRecord {
  kind: ObjectKind
  id: Id
  codec: Codec
  raw: number
  payload: Uint8Array
}

/** Something in a crafted directory. */
export interface CraftedEntry {
  /** Bytes, as latin1. */
  name: string
  /** 0 file, 1 executable, 2 symlink, 3 directory; with 4 the id is a manifest's. */
  flags: number
  size: number
  id: Id
  hash?: Id
}

export class Crafter {
  readonly records: CraftedRecord[] = []

  /** An object of these bytes, under its right id. */
  add(kind: ObjectKind, bytes: Uint8Array): Id {
    const id = idFromBytes(hashObject(kind, bytes))
    if (!this.records.some((record) => record.id === id)) this.records.push({ kind, id, codec: 0, raw: bytes.length, payload: bytes })
    return id
  }

  chunk(content: string | Uint8Array): Id {
    return this.add('chunk', Buffer.from(content as string))
  }

  file(name: string, content: string): CraftedEntry {
    return { name, flags: 0, size: Buffer.byteLength(content), id: this.chunk(content) }
  }

  /** A directory in one node, its entries as they are given. */
  tree(entries: readonly CraftedEntry[]): Id {
    return this.add('tree', encodeLeaf(entries))
  }

  commit(tree: Id, parents: Id[] = []): Id {
    const person = { name: 'Mallory', email: 'mallory@example.org', timeMs: 0, zoneMinutes: 0 }
    return this.add('commit', encodeCommit({ tree, parents, author: person, committer: person, message: 'Crafted' }))
  }

  /** Writes all records as one pack with its index, and a branch that names a commit. */
  async store(repo: Repo, branch?: { name: string; id: Id }): Promise<void> {
    const name = `crafted-${this.records.length}`
    const { pack, index } = encodePack(this.records)
    await repo.store.put(packKey(name), pack)
    await repo.store.put(indexKey(name), index)
    await repo.objects.packs.refresh()
    if (branch) await repo.refs.move(`refs/heads/${branch.name}`, await repo.refs.read(`refs/heads/${branch.name}`), branch.id)
  }
}

/** A pack of these records, and its index. */
export function encodePack(records: readonly CraftedRecord[]): { pack: Buffer; index: Uint8Array } {
  const parts: Uint8Array[] = [encodePackHeader()]
  const index = new PackIndexBuilder()
  let offset = parts[0]!.length
  for (const { kind, id, codec, raw, payload } of records) {
    const header = Buffer.alloc(48)
    writeRecordHeader(header, 0, { kind, codec, raw, id: idToBytes(id), payload })
    index.add(idToBytes(id), kindCodes[kind], codec, offset, payload.length, raw)
    parts.push(header, payload)
    offset += header.length + payload.length
  }
  return { pack: Buffer.concat(parts), index: index.encode(offset) }
}

function encodeLeaf(entries: readonly CraftedEntry[]): Buffer {
  const n = entries.length
  const head = Buffer.from([1, 0, n & 0xff, n >> 8])
  const sizes = Buffer.alloc(8 * n)
  const lengths = Buffer.alloc(2 * n)
  entries.forEach(({ size, name }, i) => {
    sizes.writeBigUInt64LE(BigInt(size), 8 * i)
    lengths.writeUInt16LE(name.length, 2 * i)
  })
  return Buffer.concat([
    head,
    Buffer.from(entries.map(({ flags }) => flags)),
    sizes,
    lengths,
    Buffer.from(entries.map(({ name }) => name).join(''), 'latin1'),
    ...entries.map(({ id }) => idToBytes(id)),
    ...entries.filter(({ flags }) => flags & 4).map(({ id, hash }) => idToBytes(hash ?? id)),
  ])
}

import { describe, expect, it } from 'vitest'
import { pathFromText, type BytePath } from '../../core/bytes.ts'
import { parseConfig } from '../../core/config.ts'
import { DitsError } from '../../core/errors.ts'
import { blake3, blake3Text } from '../../core/hash.ts'
import { readMergeState, writeMergeState, type MergeState } from '../../core/merging/merge-state.ts'
import { hashObject, idFromBytes, kindCodes, type Id } from '../../core/objects/id.ts'
import { decodeOperation, encodeOperation } from '../../core/oplog-record.ts'
import { compress } from '../../core/pack/compress.ts'
import { encodePackHeader, readRecordHeader, writeRecordHeader } from '../../core/pack/pack-format.ts'
import { PackIndex, PackIndexBuilder } from '../../core/pack/pack-index.ts'
import { rebuildIndex, verifyPack } from '../../core/pack/pack-scan.ts'
import { indexKey, packKey } from '../../core/pack/pack-writer.ts'
import { openRecord } from '../../core/pack/packed-objects.ts'
import { createRefs } from '../../core/refs/refs.ts'
import { MemoryStore } from '../../core/store/memory-store.ts'
import { IndexBuilder } from '../../core/worktree/index-builder.ts'
import { decodeIndex } from '../../core/worktree/index-file.ts'
import { broken } from '../../fixtures/broken.ts'
import { createRandom, type Random } from '../../fixtures/random.ts'

/**
 * Whatever bytes stand where dits reads its own files, a decoder answers a
 * value or throws a DitsError with one of its codes: nothing else, and in no
 * more time and memory than the bytes are worth. Where a file carries a
 * checksum, it is made right again after the bytes were broken, as somebody
 * would who wants to harm.
 */

const rounds = 1500

interface Decoder {
  what: string
  codes: readonly string[]
  sample: (random: Random) => Buffer
  /** Makes the checksums of broken bytes right. */
  seal?: (bytes: Buffer) => Buffer
  /** Decodes, and uses everything that was decoded. */
  use: (bytes: Buffer) => unknown
}

const decoders: Decoder[] = [
  { what: 'the header of a record', codes: ['pack-damaged', 'unsupported-codec'], sample: sampleRecord, use: (bytes) => readRecordHeader(bytes, 0, 'p') },
  {
    what: 'a record',
    codes: ['object-damaged'],
    sample: sampleRecord,
    use: (bytes) => openRecord(bytes, { pack: 'p', offset: 0, stored: bytes.length - 48 }, 'chunk', bytes.subarray(16, 48)),
  },
  { what: 'the index of a pack', codes: ['index-damaged', 'unsupported-version'], sample: (random) => Buffer.from(samplePack(random).index), seal: sealHash, use: usePackIndex },
  { what: 'the working-tree index', codes: ['index-damaged'], sample: sampleIndex, seal: sealHash, use: useIndex },
  { what: 'a configuration', codes: ['config-damaged', 'bad-config'], sample: sampleConfig, use: useConfig },
  { what: 'an operation', codes: ['oplog-damaged'], sample: sampleOperation, seal: sealLine, use: (bytes) => decodeOperation(bytes, 7) },
  { what: 'the state of a merge', codes: ['merge-state-damaged'], sample: sampleMerge, seal: sealMerge, use: useMerge },
  { what: 'a ref', codes: ['ref-damaged'], sample: (random) => Buffer.from(`${idFromBytes(random.bytes(32))}\n`), use: useRef },
  { what: 'HEAD', codes: ['ref-damaged'], sample: () => Buffer.from('ref: refs/heads/main\n'), use: useHead },
  { what: 'a pack', codes: ['pack-damaged', 'unsupported-version'], sample: (random) => samplePack(random).pack, use: usePack },
]

describe.each(decoders)('the decoder of $what', ({ codes, sample, seal, use }) => {
  it('reads its sample', async () => {
    await use(sample(createRandom(1)))
  })

  it('answers broken bytes with a value or with one of its codes', async () => {
    for (let seed = 1; seed <= rounds; seed++) {
      const random = createRandom(seed)
      const bytes = broken(random, sample(random))
      await expectAnswer(() => use(bytes), codes, `seed ${seed}`)
    }
  })

  it.runIf(seal)('answers broken bytes with right checksums with a value or with one of its codes', async () => {
    for (let seed = 1; seed <= rounds; seed++) {
      const random = createRandom(seed)
      const bytes = seal!(broken(random, sample(random)))
      await expectAnswer(() => use(bytes), codes, `seed ${seed}`)
    }
  })

  it('answers every cut, nothing at all and noise', async () => {
    const whole = sample(createRandom(2))
    const step = Math.max(1, Math.floor(whole.length / 200))
    for (let length = 0; length < whole.length; length += step) await expectAnswer(() => use(whole.subarray(0, length)), codes, `${length} bytes`)
    for (let seed = 1; seed <= 200; seed++) {
      const random = createRandom(seed)
      await expectAnswer(() => use(random.bytes(random.below(300))), codes, `noise of seed ${seed}`)
    }
  })
})

async function expectAnswer(use: () => unknown, codes: readonly string[], when: string): Promise<void> {
  try {
    await use()
  } catch (error) {
    if (!(error instanceof DitsError)) throw new Error(`${when}: ${error instanceof Error ? error.stack : String(error)}`, { cause: error })
    expect(codes, when).toContain(error.code)
  }
}

/** The plain BLAKE3 of everything before it, at the end. */
function sealHash(bytes: Buffer): Buffer {
  if (bytes.length >= 32) bytes.set(blake3(bytes.subarray(0, -32)), bytes.length - 32)
  return bytes
}

/** A line of JSON and a line with its BLAKE3. */
function sealLine(bytes: Buffer): Buffer {
  const line = bytes.toString('latin1').split('\n')[0]!
  return Buffer.from(`${line}\n${blake3Text(Buffer.from(line, 'latin1'))}\n`, 'latin1')
}

/** A line with the BLAKE3 of the rest. */
function sealMerge(bytes: Buffer): Buffer {
  const body = bytes.subarray(bytes.indexOf('\n') + 1)
  return Buffer.concat([Buffer.from(`${blake3Text(body)}\n`), body])
}

function sampleRecord(random: Random): Buffer {
  const bytes = Buffer.from('take one, take two, '.repeat(20 + random.below(20)))
  const { codec, payload } = compress(bytes)
  const header = Buffer.alloc(48)
  writeRecordHeader(header, 0, { kind: 'chunk', codec, raw: bytes.length, id: hashObject('chunk', bytes), payload })
  return Buffer.concat([header, payload])
}

function samplePack(random: Random): { pack: Buffer; index: Uint8Array } {
  const parts: Buffer[] = [Buffer.from(encodePackHeader())]
  const index = new PackIndexBuilder()
  let offset = 16
  for (let i = 0; i < 6; i++) {
    const record = sampleRecord(random)
    index.add(record.subarray(16, 48), kindCodes.chunk, record[1]!, offset, record.length - 48, record.readUInt32LE(8))
    parts.push(record)
    offset += record.length
  }
  return { pack: Buffer.concat(parts), index: index.encode(offset) }
}

function usePackIndex(bytes: Buffer): void {
  const index = PackIndex.decode('p', bytes)
  index.ranksByOffset()
  for (let rank = 0; rank < Math.min(index.count, 100); rank++) {
    index.row(rank)
    index.find(index.idBytes(rank))
    index.lowerBound(index.idBytes(rank).subarray(0, 3))
  }
  for (let first = 0; first < 256; first++) index.find(Buffer.alloc(32, first))
}

function sampleIndex(random: Random): Buffer {
  const builder = new IndexBuilder()
  const id = (): Id => idFromBytes(random.bytes(32))
  const stat = { mtimeMs: 1.5, ctimeMs: 2.5, ino: 7, size: 100, mode: 0o100644 }
  for (const path of ['a/b/one.txt', 'a/b/two.mov', 'a/c', 'b', 'd/e/f/g']) {
    const hash = id()
    if (random.below(2)) builder.add({ path: pathFromText(path), kind: 'file', content: 'chunk', size: 100, id: hash, hash, stat })
    else builder.add({ path: pathFromText(path), kind: 'executable', content: 'manifest', size: 2 ** 33, id: id(), hash, mtimeNs: 5n })
  }
  builder.setFolderTree('' as BytePath, id(), 7)
  return Buffer.from(builder.finish({ writtenMs: 1000 }))
}

function useIndex(bytes: Buffer): void {
  const index = decodeIndex(bytes)
  for (const entry of index.entries()) {
    index.find(entry.path)
    index.get(entry.path)
  }
  for (let folder = 0; folder < index.folderCount; folder++) {
    index.folderTree(folder)
    index.findFolder(index.folderPath(folder))
  }
  index.rows(0, index.count)
}

function sampleConfig(random: Random): Buffer {
  return Buffer.from(`# mine\nuser.name = Ada\ncore.mtimes = ${random.pick(['true', 'no', '1'])}\ngc.grace = ${random.below(99)}\nstore.limit = "1${random.pick(['K', 'M'])}"\n`)
}

function useConfig(bytes: Buffer): void {
  const config = parseConfig(bytes.toString('utf8'), 'config')
  for (const { key } of config.settings()) {
    for (const get of [config.getBool, config.getInt, config.getSize]) {
      try {
        get(key)
      } catch (error) {
        if (!(error instanceof DitsError)) throw error
      }
    }
  }
}

function sampleOperation(random: Random): Buffer {
  const id = (): Id => idFromBytes(random.bytes(32))
  const operation = {
    seq: 7,
    timeMs: 1000,
    command: 'dits commit -m "ü"',
    head: { before: { branch: 'refs/heads/main' }, after: { id: id() } },
    refs: [{ name: 'refs/heads/main', before: id(), after: id() }],
    staged: { before: id() },
    saved: id(),
    undoes: 3,
  }
  return Buffer.from(encodeOperation(operation))
}

function sampleMerge(random: Random): Buffer {
  return mergeSamples[random.below(mergeSamples.length)]!
}

async function useMerge(bytes: Buffer): Promise<void> {
  const store = new MemoryStore()
  await store.put('merge', bytes)
  await readMergeState({ store })
}

async function useRef(bytes: Buffer): Promise<void> {
  const store = new MemoryStore()
  await store.put('refs/heads/main', bytes)
  await createRefs(store).read('refs/heads/main')
  for await (const _ of createRefs(store).list('refs/'));
}

async function useHead(bytes: Buffer): Promise<void> {
  const store = new MemoryStore()
  await store.put('HEAD', bytes)
  await createRefs(store).readHead()
}

/** Verifying reports what is wrong; making the index again either gives one that reads, or says that this is no pack. */
async function usePack(bytes: Buffer): Promise<void> {
  const store = new MemoryStore()
  await store.put(packKey('p'), bytes)
  await store.put(indexKey('p'), samplePack(createRandom(3)).index)
  await verifyPack(store, 'p', () => {})
  await rebuildIndex(store, 'p')
  PackIndex.decode('p', (await store.get(indexKey('p')))!.bytes)
}

const mergeSamples = await Promise.all(mergeStates(createRandom(9)).map(encodeMerge))

async function encodeMerge(state: MergeState): Promise<Buffer> {
  const store = new MemoryStore()
  await writeMergeState({ store }, state)
  return Buffer.from((await store.get('merge'))!.bytes)
}

function mergeStates(random: Random): MergeState[] {
  const id = (): Id => idFromBytes(random.bytes(32))
  const side = (path: string) => ({ path: pathFromText(path), kind: 'file' as const, content: 'chunk' as const, size: 5, id: id(), hash: id(), mtimeNs: 7n })
  const person = { name: 'Ada', email: 'ada@example.org', timeMs: 5, zoneMinutes: 60 }
  const plain: MergeState = {
    command: 'merge',
    phase: 'open',
    request: [id()],
    heads: [id()],
    todo: [],
    endsWith: 'commit',
    theirName: 'side',
    message: 'Merge side',
    conflicts: [{ path: pathFromText('a/ü.txt'), reason: 'both-changed', base: side('a/ü.txt'), ours: side('a/ü.txt'), theirs: side('b') }],
    disk: id(),
    staged: id(),
    from: { head: id() },
    original: { head: id(), staged: id() },
  }
  const picking: MergeState = { ...plain, command: 'cherry-pick', phase: 'opening', todo: [id(), id()], pick: { mainline: 1, noteOrigin: true }, author: person, drops: 'refs/stash/1', previous: plain }
  return [plain, picking]
}

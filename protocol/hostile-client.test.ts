import { describe, expect, it } from 'vitest'
import { createRefs, encodeCommit, encodeTag, encodeManifest, hashObject, hasCode, idFromBytes, idToBytes, type BytePath, type Id, type ObjectKind, type TreeEntry } from '#core'
import { encodeListNode } from '../core/objects/list-node.ts'
import { encodeTreeLeaf } from '../core/objects/tree-node.ts'
import { writeRecordHeader } from '../core/pack/pack-format.ts'
import { TestRepo } from '../core/repo.fixture.ts'
import type { Random } from '../fixtures/random.ts'
import { packIds } from './fields.ts'
import { FrameStream, type Message } from './frames.ts'
import { movesMax, tagDepthMax } from './limits.ts'
import { connectLoopback } from './loopback.ts'
import { serveSession } from './serve.ts'
import { MemoryServer, pushBranch } from './sync.fixture.ts'
import { chunkOf, forSeeds, Synthetic } from './synthetic.fixture.ts'

/** A client that says what it likes. */
class Raw {
  readonly frames: FrameStream

  constructor(frames: FrameStream) {
    this.frames = frames
  }

  static async connect(server: MemoryServer, options: { silenceMs?: number; idleMs?: number } = {}): Promise<Raw> {
    const connection = connectLoopback((stream, peer) => serveSession(stream, peer, server, { now: Date.now, ...options }))
    return new Raw(new FrameStream(await connection.openStream(), { now: Date.now, silenceMs: 20_000 }))
  }

  static async greeted(server: MemoryServer, options: { silenceMs?: number; idleMs?: number } = {}): Promise<Raw> {
    const raw = await Raw.connect(server, options)
    expect((await raw.ask('hello', 1, 'memory', null, 'test'))?.[0]).toBe('welcome')
    return raw
  }

  async ask(...message: [string, ...unknown[]]): Promise<Message | undefined> {
    await this.frames.send(message as unknown as Message)
    return this.frames.nextMessage()
  }

  /** Stores objects, each as it is, under the id that is said of it. */
  async store(objects: { kind: ObjectKind; id?: Id; bytes: Uint8Array }[]): Promise<Message | undefined> {
    await this.frames.send(['store'])
    for (const { kind, id, bytes } of objects) await this.frames.sendData(recordOf(kind, bytes, id))
    return this.ask('store-end')
  }

  move(after: Id | null, name = 'refs/heads/main', before: Id | null = null): Promise<Message | undefined> {
    return this.ask('move', [[name, before && idToBytes(before), after && idToBytes(after)]])
  }
}

function recordOf(kind: ObjectKind, bytes: Uint8Array, id = idFromBytes(hashObject(kind, bytes))): Uint8Array {
  const record = Buffer.alloc(48 + bytes.length)
  writeRecordHeader(record, 0, { kind, codec: 0, raw: bytes.length, id: idToBytes(id), payload: bytes })
  record.set(bytes, 48)
  return record
}

/** Objects in the order in which they were made, with a commit on top. */
class Draft {
  readonly objects: { kind: ObjectKind; bytes: Uint8Array }[] = []

  add(kind: ObjectKind, bytes: Uint8Array): Id {
    this.objects.push({ kind, bytes })
    return idFromBytes(hashObject(kind, bytes))
  }

  chunk(number = 1, length = 40): Id {
    return this.add('chunk', chunkOf(number, length))
  }

  leaf(...entries: Partial<TreeEntry>[]): Id {
    return this.add('tree', encodeTreeLeaf(entries.map(entryOf)))
  }

  manifest(root: Uint8Array, size: number, hash: Id = '1'.repeat(64) as Id): Id {
    return this.add('manifest', encodeManifest({ profile: 'general', size, hash, segments: [], root }))
  }

  commit(tree: Id, parents: Id[] = []): Id {
    const person = { name: 'Eve', email: 'eve@example.com', timeMs: 1_700_000_000_000, zoneMinutes: 0 }
    return this.add('commit', encodeCommit({ tree, parents, author: person, committer: person, message: 'a lie' }))
  }
}

function entryOf(entry: Partial<TreeEntry>): TreeEntry {
  const id = entry.id ?? ('0'.repeat(64) as Id)
  return { name: 'file' as BytePath, kind: 'file', content: 'chunk', size: 40, id, hash: id, ...entry }
}

function listOf(chunks: { id: Id; size: number }[]): Uint8Array {
  const ids = Buffer.concat(chunks.map(({ id }) => idToBytes(id)))
  return encodeListNode({ level: 0, rows: chunks.length, ids, sizes: Float64Array.from(chunks, ({ size }) => size), hashes: new Uint32Array(chunks.length) })
}

/** Each makes objects whose commit must not become reachable, and names the code. */
const lies: [string, string, (draft: Draft) => Id][] = [
  ['a tree with a name that leads out', 'object-damaged', (d) => {
    const bytes = Buffer.from(encodeTreeLeaf([entryOf({ name: 'xx' as BytePath, id: d.chunk() })]))
    bytes.write('..', bytes.indexOf('xx'), 'latin1')
    return d.commit(d.add('tree', bytes))
  }],
  ['a tree that is no tree', 'object-damaged', (d) => d.commit(d.add('tree', Buffer.from('nonsense')))],
  ['a file that is larger than is said', 'object-damaged', (d) => d.commit(d.leaf({ id: d.chunk(), size: 39 }))],
  ['a file that is named twice, once with another size', 'object-damaged', (d) => {
    const id = d.chunk()
    return d.commit(d.leaf({ id, name: 'a' as BytePath }, { id, name: 'b' as BytePath, size: 41 }))
  }],
  ['a folder of another size', 'object-damaged', (d) => {
    const folder = d.leaf({ id: d.chunk() })
    return d.commit(d.leaf({ kind: 'directory', content: 'tree', id: folder, size: 41 }))
  }],
  ['a folder that is named twice, once with another size', 'object-damaged', (d) => {
    const id = d.leaf({ id: d.chunk() })
    return d.commit(d.leaf({ name: 'a' as BytePath, kind: 'directory', content: 'tree', id, size: 40 }, { name: 'b' as BytePath, kind: 'directory', content: 'tree', id, size: 7 }))
  }],
  ['a manifest of another size', 'object-damaged', (d) => {
    const id = d.manifest(listOf([{ id: d.chunk(1), size: 40 }, { id: d.chunk(2), size: 40 }]), 80)
    return d.commit(d.leaf({ content: 'manifest', id, hash: '1'.repeat(64) as Id, size: 81 }))
  }],
  ['a manifest with another whole-file hash', 'object-damaged', (d) => {
    const id = d.manifest(listOf([{ id: d.chunk(1), size: 40 }, { id: d.chunk(2), size: 40 }]), 80)
    return d.commit(d.leaf({ content: 'manifest', id, hash: '2'.repeat(64) as Id, size: 80 }))
  }],
  ['a manifest whose chunks have other lengths', 'object-damaged', (d) => {
    const id = d.manifest(listOf([{ id: d.chunk(1), size: 39 }, { id: d.chunk(2), size: 41 }]), 80)
    return d.commit(d.leaf({ content: 'manifest', id, hash: '1'.repeat(64) as Id, size: 80 }))
  }],
  ['a list that is not of the size that its manifest says', 'object-damaged', (d) => {
    const list = d.add('list', listOf([{ id: d.chunk(1), size: 40 }]))
    const other = d.add('list', listOf([{ id: d.chunk(2), size: 40 }]))
    const root = encodeListNode({ level: 1, rows: 2, ids: Buffer.concat([idToBytes(list), idToBytes(other)]), sizes: Float64Array.of(50, 40), hashes: new Uint32Array(2) })
    return d.commit(d.leaf({ content: 'manifest', id: d.manifest(root, 90), hash: '1'.repeat(64) as Id, size: 90 }))
  }],
  ['a chunk in the place of a manifest', 'object-damaged', (d) => d.commit(d.leaf({ content: 'manifest', id: d.chunk(), hash: '1'.repeat(64) as Id }))],
  ['a tree in the place of a commit', 'bad-ref-target', (d) => d.leaf({ id: d.chunk() })],
  ['a chunk in the place of a commit', 'bad-ref-target', (d) => d.chunk()],
  ['folders in each other without end', 'tree-too-deep', (d) => {
    let id = d.leaf({ id: d.chunk() })
    for (let i = 0; i < 600; i++) id = d.leaf({ name: 'd' as BytePath, kind: 'directory', content: 'tree', id })
    return d.commit(id)
  }],
]

/** Somebody else's push goes through. */
async function isServing(server: MemoryServer): Promise<void> {
  const test = await TestRepo.create()
  await test.commit({ 'a/b.txt': 'text' })
  expect((await pushBranch(test.repo, server)).results[0]?.code).toBe('')
}

const codeOf = (message: Message | undefined) => (message?.[0] === 'error' ? message[1] : message?.[0] === 'moved' ? (message[1] as string[][])[0]![1] : message?.[0])

describe('a server', () => {
  it.each(lies)('refuses %s', async (_, code, make) => {
    const server = new MemoryServer()
    const draft = new Draft()
    const id = make(draft)
    const raw = await Raw.greeted(server)
    expect((await raw.store(draft.objects))?.[0]).toBe('stored')
    expect(codeOf(await raw.move(id))).toBe(code)
    expect(await server.ref('refs/heads/main')).toBeUndefined()
    // The same stream, and others, are still served.
    const good = new Draft()
    const commit = good.commit(good.leaf({ id: good.chunk() }))
    await raw.store(good.objects)
    expect(codeOf(await raw.move(commit))).toBe('')
  })

  it('is not told other things of an object that is known, in a version after', async () => {
    const server = new MemoryServer()
    const draft = new Draft()
    const folder = draft.leaf({ id: draft.chunk() })
    const first = draft.commit(draft.leaf({ name: 'd' as BytePath, kind: 'directory', content: 'tree', id: folder }))
    const raw = await Raw.greeted(server)
    await raw.store(draft.objects)
    expect(codeOf(await raw.move(first))).toBe('')
    const variants: Partial<TreeEntry>[][] = [
      [{ name: 'd' as BytePath, kind: 'directory', content: 'tree', id: folder, size: 7 }],
      [{ name: 'moved' as BytePath, kind: 'directory', content: 'tree', id: folder, size: 7 }],
      [{ name: 'out' as BytePath, id: draft.chunk(), size: 39 }],
      [{ name: 'd' as BytePath, content: 'chunk', id: folder, size: 40 }],
    ]
    for (const [i, entries] of variants.entries()) {
      const lie = new Draft()
      const id = lie.commit(lie.leaf(...entries), [first])
      await raw.store(lie.objects)
      expect(codeOf(await raw.move(id, 'refs/heads/main', first)), `variant ${i}`).toBe('object-damaged')
    }
    expect(await server.ref('refs/heads/main')).toBe(first)
  })

  it('names what is missing where a move comes before its objects, or its tree never came', async () => {
    const server = new MemoryServer()
    const draft = new Draft()
    const id = draft.commit(draft.leaf({ id: draft.chunk() }))
    const raw = await Raw.greeted(server)
    expect(codeOf(await raw.move(id))).toBe('missing')
    await raw.store(draft.objects.filter(({ kind }) => kind !== 'tree'))
    expect(codeOf(await raw.move(id))).toBe('missing')
    await raw.store(draft.objects.filter(({ kind }) => kind === 'tree'))
    expect(codeOf(await raw.move(id))).toBe('')
  })

  it.each(['refs/stash/1', 'refs/remotes/origin/main', 'HEAD', 'refs/heads/../../config', 'refs/heads/', 'refs/heads/a..b', 'refs/heads/\x1b[2J', 'refs/heads/\u009b2J', 'refs/tags/.lock'])('moves no ref called %j', async (name) => {
    const server = new MemoryServer()
    const draft = new Draft()
    const id = draft.commit(draft.leaf({ id: draft.chunk() }))
    const raw = await Raw.greeted(server)
    await raw.store(draft.objects)
    expect(codeOf(await raw.move(id, name))).toBe('bad-ref-name')
    const names: string[] = []
    for await (const ref of createRefs(server.store).list('refs/')) names.push(ref.name)
    expect(names).toEqual([])
  })

  it('is not kept busy by a tree that stands for more paths than there are atoms', async () => {
    const server = new MemoryServer()
    const draft = new Draft()
    let [id, size] = [draft.leaf({ id: draft.chunk() }), 40]
    for (let i = 0; i < 40; i++) {
      id = draft.leaf(...['a', 'b'].map((name): Partial<TreeEntry> => ({ name: name as BytePath, kind: 'directory', content: 'tree', id, size })))
      size *= 2
    }
    const raw = await Raw.greeted(server)
    await raw.store(draft.objects)
    expect(codeOf(await raw.move(draft.commit(id)))).toBe('missing')
    await raw.store(draft.objects)
    expect(codeOf(await raw.move(draft.commit(id)))).toBe('')
  })

  it('is not kept busy by a history that takes away and brings back the same again and again', async () => {
    const synthetic = await Synthetic.create()
    const many = new Map(Array.from({ length: 5000 }, (_, i) => [`many/${i % 50}/${i}`, [i]] as const))
    const [full, empty] = [synthetic.tree(many), synthetic.tree(new Map([['one', [1]]]))]
    let tip: Id | undefined
    for (let i = 0; i < 3000; i++) tip = synthetic.commit(i % 2 ? full : empty, tip ? [tip] : [])
    await synthetic.flush()
    const server = new MemoryServer(synthetic.store)
    let reads = 0
    const get = server.store.get.bind(server.store)
    server.store.get = (...args) => (reads++, get(...args))
    const raw = await Raw.greeted(server)
    expect(codeOf(await raw.move(tip!))).toBe('')
    expect(reads).toBeLessThan(20_000)
  })

  it('refuses objects that are not what their ids say, and keeps those before them', async () => {
    const server = new MemoryServer()
    const raw = await Raw.greeted(server)
    const good = { kind: 'chunk' as const, bytes: Buffer.from('good') }
    await raw.frames.send(['store'])
    await raw.frames.sendData(recordOf('chunk', good.bytes))
    await raw.frames.sendData(recordOf('chunk', Buffer.from('bad'), '7'.repeat(64) as Id))
    // The server says so and ends the stream at once: what would follow is not worth reading.
    expect((await raw.frames.nextMessage())?.slice(0, 2)).toEqual(['error', 'object-garbled'])
    await expect(raw.ask('store-end')).rejects.toSatisfy((error) => hasCode(error, 'connection-lost'))
    const again = await Raw.greeted(server)
    const held = (await again.ask('held', Buffer.concat([good.bytes, Buffer.from('bad')].map((bytes) => Buffer.from(hashObject('chunk', bytes).subarray(0, 6))))))!
    expect(held[1]).toEqual(Buffer.from([1]))
    const refused = server.events.find(({ kind }) => kind === 'refused')
    expect(refused).toMatchObject({ code: 'object-garbled', user: 'ada' })
  })

  it.each<[string, [string, ...unknown[]]]>([
    ['an unknown request', ['delete-everything']],
    ['a request called like what every object has', ['constructor']],
    ['ids that are cut short', ['objects', Buffer.alloc(33)]],
    ['too many ids', ['objects', Buffer.alloc(32 * 4097)]],
    ['a text for ids', ['objects', 'text']],
    ['short ids that are cut short', ['held', Buffer.alloc(7)]],
    ['too many wants', ['history', Buffer.alloc(32 * 4097), Buffer.alloc(0), 0, 0]],
    ['too many haves', ['history', Buffer.alloc(0), Buffer.alloc(32 * 1025), 0, 0]],
    ['a depth below nothing', ['history', Buffer.alloc(0), Buffer.alloc(0), -1, 0]],
    ['no depth', ['history', Buffer.alloc(0), Buffer.alloc(0)]],
    ['a move of too few fields', ['move', [['refs/heads/main']]]],
    ['a move that is none', ['move', [7]]],
    ['too many prefixes', ['refs', Array.from({ length: 17 }, () => 'refs/heads/')]],
    ['data in the place of a request', ['']],
  ])('ends the stream of a client that sends %s, and goes on', async (name, message) => {
    const server = new MemoryServer()
    const raw = await Raw.greeted(server)
    const sent = name.startsWith('data') ? raw.frames.sendData(Buffer.from('x')).then(() => raw.frames.nextMessage()) : raw.ask(...message)
    await expect(sent).rejects.toSatisfy((error) => hasCode(error, 'connection-lost'))
    expect(server.events.at(-1)).toMatchObject({ kind: 'refused', code: 'protocol-violation' })
    await isServing(server)
  })

  it('answers what cannot be done with a code, and goes on with the same stream', async () => {
    const server = new MemoryServer()
    const raw = await Raw.greeted(server)
    expect(codeOf(await raw.ask('history', packIds(['a'.repeat(64) as Id]), Buffer.alloc(0), 0, 1))).toBe('object-missing')
    expect(codeOf(await raw.ask('refs', ['/etc/passwd']))).toBe('bad-ref-name')
    expect(codeOf(await raw.ask('refs', ['refs/heads/../../']))).toBe('bad-ref-name')
    expect(codeOf(await raw.move('b'.repeat(64) as Id))).toBe('missing')
    expect((await raw.ask('objects', packIds(['c'.repeat(64) as Id])))?.[0]).toBe('objects-end')
    expect((await raw.ask('refs', []))?.[0]).toBe('refs')
  })

  it('takes as many moves at once as it says, and no tags that never come to a commit', async () => {
    const server = new MemoryServer()
    const draft = new Draft()
    const id = draft.commit(draft.leaf({ id: draft.chunk() }))
    const raw = await Raw.greeted(server)
    await raw.store(draft.objects)
    const moves = Array.from({ length: movesMax }, (_, i) => [`refs/heads/${'x'.repeat(900)}${i}`, null, idToBytes(id)])
    expect((await raw.ask('move', moves))?.[0]).toBe('moved')
    expect((await raw.ask('move', moves))?.[0]).toBe('moved')
    const tagger = { name: 'Eve', email: 'e@example.com', timeMs: 0, zoneMinutes: 0 }
    const tags = new Draft()
    let target = { kind: 'commit' as ObjectKind, id }
    const chain = Array.from({ length: 20 }, () => (target = { kind: 'tag', id: tags.add('tag', encodeTag({ targetKind: target.kind, target: target.id, name: 'v', tagger, message: '' })) }).id)
    await raw.store(tags.objects)
    expect(await raw.move(chain[tagDepthMax - 1]!, 'refs/tags/deep')).toEqual(['moved', [['refs/tags/deep', '', '']]])
    for (const tooDeep of [chain[tagDepthMax]!, chain.at(-1)!]) expect(codeOf(await raw.move(tooDeep, 'refs/tags/v'))).toBe('bad-ref-target')
  })

  it('drops who is silent, before the greeting, within a request and after', async () => {
    const limits = { silenceMs: 60, idleMs: 60 }
    for (const stage of ['greeting', 'store', 'idle']) {
      const server = new MemoryServer()
      const raw = await (stage === 'greeting' ? Raw.connect(server, limits) : Raw.greeted(server, limits))
      if (stage === 'store') await raw.frames.send(['store'])
      await expect(raw.frames.nextMessage()).rejects.toSatisfy((error) => hasCode(error, 'connection-lost'))
      expect(server.events.at(-1)).toMatchObject({ kind: 'refused', code: 'peer-silent' })
    }
  })

  it('survives whatever bytes a client sends, after a greeting or without', async () => {
    const server = new MemoryServer()
    const draft = new Draft()
    const id = draft.commit(draft.leaf({ id: draft.chunk() }))
    const setup = await Raw.greeted(server)
    await setup.store(draft.objects)
    await setup.move(id)
    await forSeeds(120, async (random) => {
      const connection = connectLoopback((stream, peer) => serveSession(stream, peer, server, { now: Date.now, silenceMs: 300, idleMs: 300 }))
      const stream = await connection.openStream()
      const script = await scriptOf(random, id)
      try {
        for (let at = 0; at < script.length; ) {
          const length = 1 + random.below(2000)
          await stream.write(script.subarray(at, at + length))
          at += length
        }
        await stream.end()
        for (let left = 1000; left > 0 && (await stream.read()); left--);
      } catch (error) {
        if (!hasCode(error, 'connection-lost')) throw error
      }
      await connection.close()
    })
    expect(await server.ref('refs/heads/main')).toBe(id)
    for (const event of server.events) if (event.kind === 'failed') throw event.error
    expect((await (await Raw.greeted(server)).ask('refs', ['refs/heads/']))?.[0]).toBe('refs')
  })
})

/** The bytes of a session, mutated. */
async function scriptOf(random: Random, id: Id): Promise<Buffer> {
  const parts: Uint8Array[] = []
  const sink = { read: async () => undefined, write: async (bytes: Uint8Array) => void parts.push(Uint8Array.from(bytes)), end: async () => {}, abort: () => {} }
  const frames = new FrameStream(sink, { now: () => 0, silenceMs: 1000 })
  const messages: [string, ...unknown[]][] = [
    ['hello', 1, 'memory', null, 'fuzz'],
    ['refs', ['refs/heads/']],
    ['history', packIds([id]), Buffer.alloc(0), 0, 1],
    ['objects', packIds([id])],
    ['held', Buffer.alloc(12)],
    ['filter'],
    ['store'],
    ['store-end'],
    ['move', [['refs/heads/main', idToBytes('9'.repeat(64) as Id), null]]],
  ]
  for (const [i, message] of messages.entries()) {
    if (i > 0 && random.below(3) === 0) continue
    await frames.send(message as unknown as Message)
    if (message[0] === 'store') await frames.sendData(recordOf('chunk', random.bytes(random.below(100))))
  }
  const bytes = Buffer.concat(parts)
  const skip = random.below(2) ? parts[0]!.length : 0
  for (let flips = random.below(6); flips > 0; flips--) bytes[skip + random.below(Math.max(1, bytes.length - skip))] = random.below(256)
  return random.below(4) === 0 ? bytes.subarray(0, random.below(bytes.length)) : Buffer.concat([bytes, random.bytes(random.below(50))])
}

import { describe, expect, it } from 'vitest'
import { encodeTag, hasCode, hashObject, idFromBytes, idToBytes, MemoryStore, PackedObjects, type Id, type ObjectKind } from '#core'
import { writeRecordHeader } from '../core/pack/pack-format.ts'
import { fetchCommits, type FetchOptions } from './fetch.ts'
import { packIds } from './fields.ts'
import { FrameStream, type Message } from './frames.ts'
import { connectLoopback } from './loopback.ts'
import { push } from './push.ts'
import { RemoteSession } from './remote-session.ts'
import { Synthetic } from './synthetic.fixture.ts'

type Answer = (frames: FrameStream, message: Message) => Promise<void>

/** A server that greets, and then answers as it likes; how often it was asked for what. */
class Liar {
  readonly asked: string[] = []
  readonly #answers: Record<string, Answer>

  constructor(answers: Record<string, Answer>) {
    this.#answers = answers
  }

  /** A session with it that was asked for refs. */
  open(): Promise<RemoteSession> {
    const connection = connectLoopback(async (stream) => {
      const frames = new FrameStream(stream, { now: Date.now, silenceMs: 20_000, isServer: true })
      for (let message = await frames.nextMessage(); message; message = await frames.nextMessage()) {
        this.asked.push(message[0])
        const answer = this.#answers[message[0]]
        if (answer) await answer(frames, message)
        else if (message[0] === 'hello') await frames.send(['welcome', 1, 'write'])
        else if (message[0] === 'refs') await frames.send(['refs-end', 'refs/heads/main', 5])
        else throw new Error(`nothing to answer '${message[0]}'`)
      }
    })
    return RemoteSession.open(connection, { repository: 'x', agent: 'test', now: Date.now, silenceMs: 500 }, ['refs/heads/'])
  }
}

function recordOf(kind: ObjectKind, bytes: Uint8Array, id = idFromBytes(hashObject(kind, bytes))): Uint8Array {
  const record = Buffer.alloc(48 + bytes.length)
  writeRecordHeader(record, 0, { kind, codec: 0, raw: bytes.length, id: idToBytes(id), payload: bytes })
  record.set(bytes, 48)
  return record
}

const endless: Answer = async (frames) => {
  for (;;) await frames.send(['refs', Array.from({ length: 100 }, (_, i) => [`refs/heads/${'x'.repeat(900)}${i}-${Math.random()}`, Buffer.alloc(32)]).flat()])
}

describe('a client', () => {
  it.each<[string, string, Answer]>([
    ['refs without end', 'protocol-violation', endless],
    ['a ref that nobody asked for', 'protocol-violation', (frames) => frames.send(['refs', ['refs/stash/1', Buffer.alloc(32)]])],
    ['a ref with a name for a terminal', 'protocol-violation', (frames) => frames.send(['refs', ['refs/heads/\u009b2J', Buffer.alloc(32)]])],
    ['a ref whose name leads out', 'protocol-violation', (frames) => frames.send(['refs', ['refs/heads/../../config', Buffer.alloc(32)]])],
    ['a ref without an id', 'protocol-violation', (frames) => frames.send(['refs', ['refs/heads/a']])],
    ['a HEAD that is no branch', 'protocol-violation', (frames) => frames.send(['refs-end', '../x', 1])],
    ['an answer to something else', 'protocol-violation', (frames) => frames.send(['moved', []])],
    ['data', 'protocol-violation', (frames) => frames.sendData(Buffer.from('data'))],
    ['an error without a code', 'protocol-violation', (frames) => frames.send(['error', 'Not A Code', 'text', null])],
    ['nothing', 'peer-silent', async () => {}],
    ['an end', 'connection-lost', (frames) => frames.end()],
  ])('that asks for refs ends with a code where it gets %s', async (_, code, refs) => {
    const session = await new Liar({ refs }).open()
    const before = process.memoryUsage.rss()
    await expect(session.refs()).rejects.toSatisfy((error) => hasCode(error, code))
    expect(process.memoryUsage.rss() - before).toBeLessThan(600_000_000)
    await session.close()
  })

  it('shows no control characters of an error', async () => {
    const session = await new Liar({ refs: (frames) => frames.send(['error', 'access-denied', '\x1b]0;owned\x07no\r\n', '\x1b[31mred']) }).open()
    await expect(session.refs()).rejects.toMatchObject({ code: 'access-denied', message: '?]0;owned?no??', hint: '?[31mred' })
    await session.close()
  })

  it('is told that damage is at the other side, whatever hint came with it', async () => {
    const session = await new Liar({ refs: (frames) => frames.send(['error', 'pack-damaged', "pack 'a' is damaged", 'run: dits fsck']) }).open()
    await expect(session.refs()).rejects.toMatchObject({ code: 'pack-damaged', message: "the other side says: pack 'a' is damaged", hint: expect.stringContaining('not in your repository') })
    await session.close()
  })

  it('is told that what it sent is damaged here', async () => {
    const session = await new Liar({ refs: (frames) => frames.send(['error', 'object-garbled', "chunk 'a' came as something else", 'ask the other side']) }).open()
    await expect(session.refs()).rejects.toMatchObject({ code: 'object-garbled', hint: expect.stringContaining('your copy') })
    await session.close()
  })

  it('takes no session in another version, and no unknown role', async () => {
    for (const welcome of [['welcome', 0, 'write'], ['welcome', 2, 'write'], ['welcome', 1, 'god'], ['welcome'], ['refs', []]]) {
      await expect(new Liar({ hello: (frames) => frames.send(welcome as unknown as Message) }).open()).rejects.toSatisfy((error) => hasCode(error, 'protocol-violation'))
    }
  })
})

/** What a fetch of one commit from a liar comes to. */
async function fetchFrom(answers: Record<string, Answer>, id: Id, options: Partial<FetchOptions> & { tags?: Id[] } = {}): Promise<{ error: unknown; asked: string[]; objects: PackedObjects }> {
  const liar = new Liar(answers)
  const session = await liar.open()
  await session.refs()
  const store = new MemoryStore()
  const objects = await PackedObjects.open(store)
  let sessions = 0
  let error: unknown
  try {
    await fetchCommits(session, { store, objects, newSessionName: () => `s${sessions++}` }, { commits: options.tags ? [] : [id], tags: options.tags ?? [] }, { haves: [], ...options })
  } catch (thrown) {
    error = thrown
  }
  await session.close()
  return { error, asked: liar.asked, objects }
}

/** A small history, and its objects as records by id. */
async function truth() {
  const synthetic = await Synthetic.create()
  const first = synthetic.commit(synthetic.tree(new Map([['a/x', [1, 2]]])))
  const id = synthetic.commit(synthetic.tree(new Map([['a/x', [1, 2]], ['b', [3]]])), [first])
  await synthetic.flush()
  const kinds = await synthetic.reach([id])
  const record = async (wanted: Id) => recordOf(kinds.get(wanted)!, await synthetic.objects.read(kinds.get(wanted)!, wanted))
  const history: Answer = async (frames) => {
    for (const [found, kind] of kinds) if (kind === 'commit' || kind === 'tree') await frames.sendData(await record(found))
    await frames.send(['history-end'])
  }
  const objects: Answer = async (frames, message) => {
    const ids = Buffer.from(message[1] as Uint8Array)
    for (let at = 0; at < ids.length; at += 32) await frames.sendData(await record(idFromBytes(ids.subarray(at, at + 32))))
    await frames.send(['objects-end', Buffer.alloc(0)])
  }
  return { id, first, kinds, record, history, objects, answers: { history, objects } }
}

describe('a fetch', () => {
  it('from a server that tells the truth brings everything', async () => {
    const { id, kinds, history, objects } = await truth()
    const fetched = await fetchFrom({ history, objects }, id)
    expect(fetched.error).toBeUndefined()
    for (const wanted of kinds.keys()) expect(await fetched.objects.has(wanted)).toBe(true)
  })

  const other = recordOf('chunk', Buffer.from('nobody asked for this'))
  it.each<[string, string, (t: Awaited<ReturnType<typeof truth>>) => Record<string, Answer>]>([
    ['sends objects under other ids', 'object-garbled', (t) => ({ ...t.answers, objects: async (frames, message) => frames.sendData(recordOf('chunk', Buffer.from('wrong'), idFromBytes((message[1] as Uint8Array).subarray(0, 32)))) })],
    ['sends other objects than were asked for', 'protocol-violation', (t) => ({ ...t.answers, objects: async (frames) => { await frames.sendData(other); await frames.send(['objects-end', Buffer.alloc(0)]) } })],
    ['sends an object twice', 'protocol-violation', (t) => ({ ...t.answers, objects: async (frames, message) => { await t.objects(frames, message); await t.objects(frames, message) } })],
    ['sends content with a history', 'protocol-violation', (t) => ({ ...t.answers, history: async (frames, message) => { await frames.sendData(other); await t.history(frames, message) } })],
    ['answers without what was asked for', 'protocol-violation', (t) => ({ ...t.answers, objects: (frames) => frames.send(['objects-end', Buffer.alloc(0)]) })],
    ['has never what was asked for', 'content-unavailable', (t) => ({ ...t.answers, objects: (frames, message) => frames.send(['objects-end', message[1] as Uint8Array]) })],
    ['says of others that it has them not', 'protocol-violation', (t) => ({ ...t.answers, objects: (frames) => frames.send(['objects-end', Buffer.alloc(32)]) })],
    ['never sends a commit', 'content-unavailable', (t) => ({ ...t.answers, history: (frames) => frames.send(['history-end']) })],
    ['names a boundary that nobody asked for', 'protocol-violation', (t) => ({ ...t.answers, history: async (frames) => { await frames.sendData(await t.record(t.id)); await frames.send(['boundary', packIds([t.id])]); await frames.send(['history-end']) } })],
    ['cuts a record short', 'protocol-violation', (t) => ({ ...t.answers, objects: async (frames) => { await frames.sendData(other.subarray(0, 50)); await frames.send(['objects-end', Buffer.alloc(0)]) } })],
    ['sends what is no record', 'protocol-violation', (t) => ({ ...t.answers, objects: (frames) => frames.sendData(Buffer.alloc(100, 7)) })],
    ['stops in the middle', 'connection-lost', (t) => ({ ...t.answers, objects: async (frames) => { await frames.sendData(other.subarray(0, 20)); await frames.end() } })],
    ['is silent', 'peer-silent', (t) => ({ ...t.answers, objects: async () => {} })],
  ])('from a server that %s ends with a code, after few questions', async (_, code, lie) => {
    const t = await truth()
    const { error, asked, objects } = await fetchFrom(lie(t), t.id)
    expect(error).toSatisfy((thrown) => hasCode(thrown, code))
    expect(asked.length).toBeLessThan(8)
    // What is here is what its id says, and nothing that was not asked for.
    for (const name of objects.packs.names) {
      const index = await objects.packs.index(name)
      for (let rank = 0; rank < index.count; rank++) {
        expect(t.kinds.has(index.id(rank))).toBe(true)
        await objects.read(index.row(rank).kind, index.id(rank))
      }
    }
  })

  it('with a depth refuses a boundary of what is no commit, or was not sent', async () => {
    const t = await truth()
    const tree = [...t.kinds].find(([, kind]) => kind === 'tree')![0]
    for (const boundary of [tree, 'e'.repeat(64) as Id]) {
      const history: Answer = async (frames) => {
        await frames.sendData(await t.record(t.id))
        await frames.sendData(await t.record(tree))
        await frames.send(['boundary', packIds([boundary])])
        await frames.send(['history-end'])
      }
      expect((await fetchFrom({ history, objects: t.objects }, t.id, { depth: 1 })).error).toSatisfy((error) => hasCode(error, 'protocol-violation'))
    }
  })

  it('of a tag does not follow tags without end', async () => {
    const t = await truth()
    const tags = new Map<string, Uint8Array>()
    let target: { kind: ObjectKind; id: Id } = { kind: 'commit', id: t.id }
    for (let i = 0; i < 40; i++) {
      const bytes = encodeTag({ targetKind: target.kind, target: target.id, name: `v${i}`, tagger: { name: 'E', email: 'e@example.com', timeMs: 0, zoneMinutes: 0 }, message: '' })
      target = { kind: 'tag', id: idFromBytes(hashObject('tag', bytes)) }
      tags.set(target.id, bytes)
    }
    const objects: Answer = async (frames, message) => {
      await frames.sendData(recordOf('tag', tags.get(idFromBytes(message[1] as Uint8Array))!))
      await frames.send(['objects-end', Buffer.alloc(0)])
    }
    const { error, asked } = await fetchFrom({ objects }, t.id, { tags: [target.id] })
    expect(error).toSatisfy((thrown) => hasCode(thrown, 'protocol-violation'))
    expect(asked.length).toBeLessThan(16)
  })
})

describe('a push', () => {
  it.each<[string, string, Record<string, Answer>]>([
    ['claims to hold everything, and then misses it for ever', 'push-incomplete', {
      held: (frames, message) => frames.send(['held', Buffer.alloc(Math.ceil((message[1] as Uint8Array).length / 48), 255)]),
      move: (frames) => frames.send(['missing', missingTip()]),
    }],
    ['answers with too few bits', 'protocol-violation', { held: (frames) => frames.send(['held', Buffer.alloc(0)]) }],
    ['misses nothing, and moves nothing', 'push-incomplete', { held: allNew, move: (frames) => frames.send(['missing', Buffer.alloc(0)]) }],
    ['misses what nobody has', 'object-missing', { held: allNew, move: (frames) => frames.send(['missing', Buffer.alloc(33, 1)]) }],
    ['fails at the end', 'store-io', { held: allNew, store: (frames) => swallow(frames, ['error', 'store-io', 'the disk is full', null]), move: async () => {} }],
  ])('to a server that %s ends with a code', async (_, code, answers) => {
    const session = await new Liar({ store: (frames) => swallow(frames), ...answers }).open()
    const remote = await session.refs()
    await expect(push(session, (await pushed()).objects, remote, [{ name: 'refs/heads/main', before: undefined, after: (await pushed()).id }])).rejects.toSatisfy((error) => hasCode(error, code))
    await session.close()
  })
})

const source = (async () => {
  const synthetic = await Synthetic.create()
  const id = synthetic.commit(synthetic.tree(new Map([['a', [1]]])))
  await synthetic.flush()
  return { objects: synthetic.objects, id }
})()

const pushed = () => source
let tip = ''
void source.then(({ id }) => void (tip = id))

function missingTip(): Uint8Array {
  return Buffer.concat([Buffer.from([5]), Buffer.from(tip, 'hex')])
}

function allNew(frames: FrameStream, message: Message): Promise<void> {
  return frames.send(['held', Buffer.alloc(Math.ceil((message[1] as Uint8Array).length / 48))])
}

/** Takes objects up to their end, which it answers. */
async function swallow(frames: FrameStream, answer: Message = ['stored', 1, 0]): Promise<void> {
  for (let frame = await frames.next(); frame; frame = await frames.next()) {
    if ('data' in frame) continue
    expect(frame.message[0]).toBe('store-end')
    return frames.send(answer)
  }
}

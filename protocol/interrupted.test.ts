import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { DiskStore, hasCode, MemoryStore, PackedObjects, type Id } from '#core'
import { createRandom, type Random } from '../fixtures/random.ts'
import { fetchCommits } from './fetch.ts'
import { connectLoopback } from './loopback.ts'
import { push } from './push.ts'
import { serveSession } from './serve.ts'
import { MemoryServer, openSession } from './sync.fixture.ts'
import { forSeeds, reachOf, Synthetic } from './synthetic.fixture.ts'
import { connectionLost, streamBufferBytesMax, type ByteStream, type Connection } from './transport.ts'

/** A stream that is cut after so many bytes in the direction that carries the objects, in the middle of a write or a read. */
class CutStream implements ByteStream {
  readonly #stream: ByteStream
  #left: number
  /** Bytes that went through in that direction. */
  passed = 0
  readonly #direction: 'in' | 'out'

  constructor(stream: ByteStream, bytes: number, direction: 'in' | 'out') {
    this.#stream = stream
    this.#left = bytes
    this.#direction = direction
  }

  async read(): Promise<Uint8Array | undefined> {
    const bytes = await this.#stream.read()
    return bytes && this.#direction === 'in' ? await this.#spend(bytes) : bytes
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#direction === 'in') return this.#stream.write(bytes)
    const before = bytes.subarray(0, this.#left)
    if (before.length > 0) await this.#stream.write(before)
    this.#left -= before.length
    this.passed += before.length
    if (before.length < bytes.length) throw this.#cut()
  }

  end(): Promise<void> {
    return this.#stream.end()
  }

  abort(reason: Error): void {
    this.#stream.abort(reason)
  }

  /** What was on its way when the line was cut is lost. */
  async #spend(bytes: Uint8Array): Promise<Uint8Array> {
    if (this.#left <= 0) throw this.#cut()
    const got = bytes.subarray(0, this.#left)
    this.#left -= got.length
    this.passed += got.length
    return got
  }

  #cut(): Error {
    const error = connectionLost('test', 'the cable was cut')
    this.#stream.abort(error)
    return error
  }
}

/** A connection whose streams are cut, and that tells when the server has done with them. */
function cutConnection(server: MemoryServer, bytes: number, direction: 'in' | 'out'): { connection: Connection; served: () => Promise<unknown>; passed: () => number } {
  const streams: CutStream[] = []
  const sessions: Promise<void>[] = []
  const inner = connectLoopback((stream, peer) => {
    const session = serveSession(stream, peer, server, { now: Date.now })
    sessions.push(session)
    return session
  })
  const openStream = async () => {
    const stream = new CutStream(await inner.openStream(), bytes, direction)
    streams.push(stream)
    return stream
  }
  const passed = () => streams.reduce((sum, stream) => sum + stream.passed, 0)
  return { connection: { ...inner, openStream }, served: () => Promise.all(sessions), passed }
}

/** A history of about 30 MB: large files, many small ones, changes. */
async function largeHistory(random: Random): Promise<{ synthetic: Synthetic; id: Id; bytes: number }> {
  const synthetic = await Synthetic.create({ chunkBytes: 9000 + random.below(5000) })
  let next = 0
  const fresh = (count: number) => Array.from({ length: count }, () => next++)
  const files = new Map<string, readonly number[]>([['clip.mov', fresh(900)], ['b/other.mov', fresh(300)]])
  for (let i = 0; i < 300; i++) files.set(`frames/${i}.exr`, fresh(2))
  let id = synthetic.commit(synthetic.tree(files))
  for (let i = 0; i < 3; i++) {
    files.set('clip.mov', [...files.get('clip.mov')!.slice(0, -50), ...fresh(90)])
    id = synthetic.commit(synthetic.tree(files), [id])
  }
  await synthetic.flush()
  let bytes = 0
  for (const found of (await synthetic.reach([id])).keys()) bytes += 48 + (await synthetic.objects.packs.locate(found))!.stored
  return { synthetic, id, bytes }
}

async function assertWhole(objects: PackedObjects, id: Id): Promise<void> {
  await objects.packs.refresh()
  for (const [found, kind] of await reachOf(objects, [id])) await objects.read(kind, found)
}

/** Of what is sent in all, with the negotiation, what may have been sent twice. */
const share = 1.05

describe('a transfer that is cut again and again', () => {
  it('to a server ends whole, and sends under 5 % twice', async () => {
    const report: string[] = []
    await forSeeds(4, async (random, seed) => {
      const { synthetic, id, bytes } = await largeHistory(random)
      const server = new MemoryServer()
      let [sent, tries] = [0, 0]
      for (let done = false; !done; tries++) {
        const { connection, served, passed } = cutConnection(server, tries < 12 ? random.below(bytes / 6) : Infinity, 'out')
        try {
          const session = await openSession(connection)
          const move = { name: 'refs/heads/main', before: undefined, after: id }
          const { results } = await push(session, synthetic.objects, await session.refs(), [move])
          done = results[0]!.code === ''
          await session.close()
        } catch (error) {
          if (!hasCode(error, 'connection-lost')) throw error
        }
        sent += passed()
        await served()
      }
      report.push(`seed ${seed}: ${tries} tries, ${((sent / bytes - 1) * 100).toFixed(1)} % twice`)
      expect(sent / bytes).toBeLessThan(share)
      await assertWhole(await PackedObjects.open(server.store), id)
    })
    console.log(report.join('\n'))
  })

  it('from a server ends whole, and brings under 5 % twice', async () => {
    const report: string[] = []
    await forSeeds(4, async (random, seed) => {
      const { synthetic, id, bytes } = await largeHistory(random)
      const server = new MemoryServer(synthetic.store)
      const store = new MemoryStore()
      const objects = await PackedObjects.open(store)
      let [received, tries, sessions] = [0, 0, 0]
      for (let done = false; !done; tries++) {
        const { connection, served, passed } = cutConnection(server, tries < 12 ? random.below(bytes / 6) : Infinity, 'in')
        try {
          const session = await openSession(connection)
          await session.refs()
          const target = { store, objects, newSessionName: () => `s${tries}-${sessions++}` }
          await fetchCommits(session, target, { commits: [id] }, { haves: [] })
          done = true
          await session.close()
        } catch (error) {
          if (!hasCode(error, 'connection-lost')) throw error
        }
        received += passed()
        await connection.close()
        await served()
      }
      report.push(`seed ${seed}: ${tries} tries, ${((received / bytes - 1) * 100).toFixed(1)} % twice`)
      expect(received / bytes).toBeLessThan(share)
      await assertWhole(objects, id)
    })
    console.log(report.join('\n'))
  })
})

/** A connection whose streams pass so many bytes on and then, without a word, nothing until `goOn` is called, as where a cable is pulled. */
function hangingConnection(server: MemoryServer, bytes: number): { connection: Connection; hangs: Promise<void>; goOn(): void } {
  const inner = server.connect()
  const { promise: hangs, resolve } = Promise.withResolvers<void>()
  const { promise: isBack, resolve: goOn } = Promise.withResolvers<void>()
  let left = bytes
  const openStream = async (): Promise<ByteStream> => {
    const stream = await inner.openStream()
    const write = async (piece: Uint8Array) => {
      const before = piece.subarray(0, left)
      left -= before.length
      if (before.length > 0) await stream.write(before)
      if (left > 0) return
      resolve()
      await isBack
      if (before.length < piece.length) await stream.write(piece.subarray(before.length))
    }
    return { read: () => stream.read(), write, end: () => stream.end(), abort: (reason) => stream.abort(reason) }
  }
  return { connection: { ...inner, openStream }, hangs, goOn }
}

describe('a push whose line broke without a sign', () => {
  it('goes on over another one with what the first had brought, while the server still waits for the rest', async () => {
    await forSeeds(2, async (random, seed) => {
      const { synthetic, id, bytes } = await largeHistory(random)
      const server = new MemoryServer()
      const move = { name: 'refs/heads/main', before: undefined, after: id }
      const cutAt = Math.round(bytes * (0.3 + 0.6 * random.next()))
      const { connection, hangs } = hangingConnection(server, cutAt)
      const first = await openSession(connection)
      const never = first.refs().then((refs) => push(first, synthetic.objects, refs, [move]))
      never.catch(() => {})
      await hangs
      const second = await openSession(server.connect())
      const { results, bytesSent } = await push(second, synthetic.objects, await second.refs(), [move])
      expect(results[0]!.code).toBe('')
      // What the server had not read yet when the second one came, and the record that was cut.
      expect(cutAt + bytesSent - bytes, `seed ${seed}`).toBeLessThan(2 * streamBufferBytesMax)
      await second.close()
      await connection.close()
    })
  })

  it('ends whole all the same where the line comes back', async () => {
    await forSeeds(3, async (random) => {
      const { synthetic, id, bytes } = await largeHistory(random)
      const server = new MemoryServer()
      const { connection, hangs, goOn } = hangingConnection(server, Math.round(bytes * (0.3 + 0.6 * random.next())))
      const first = await openSession(connection)
      const remote = await first.refs()
      const pushing = push(first, synthetic.objects, remote, [{ name: 'refs/heads/main', before: undefined, after: id }])
      await hangs
      const second = await openSession(server.connect())
      expect((await second.refs()).objects).toBeGreaterThan(100)
      await second.close()
      goOn()
      expect((await pushing).results[0]!.code).toBe('')
      await first.close()
      await assertWhole(await PackedObjects.open(server.store), id)
    })
  })

  it('is no reason to store what somebody else is sending before it is all there', async () => {
    const { synthetic, id, bytes } = await largeHistory(createRandom(1))
    const server = new MemoryServer()
    const { connection, hangs } = hangingConnection(server, Math.round(bytes / 2))
    const first = await openSession(connection)
    const never = first.refs().then((refs) => push(first, synthetic.objects, refs, [{ name: 'refs/heads/main', before: undefined, after: id }]))
    never.catch(() => {})
    await hangs
    server.user = 'bob'
    const second = await openSession(server.connect())
    expect((await second.refs()).objects).toBe(0)
    await second.close()
    await connection.close()
  })
})

/** Runs a transfer into a folder in a process of its own, and kills it after so many bytes. Answers bytes of records, and whether it ended. */
function transfer(mode: 'push' | 'fetch', folder: string, killAfter: number): Promise<{ bytes: number; total: number; done: boolean }> {
  const program = fileURLToPath(new URL('killed-transfer.fixture.ts', import.meta.url))
  const child = spawn(process.execPath, [program, mode, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const state = { bytes: 0, total: 0, done: false }
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [what, value] = line.split(' ')
    if (what === 'total') state.total = Number(value)
    if (what === 'bytes') state.bytes = Number(value)
    if (what === 'done') state.done = true
    if (state.bytes > killAfter) child.kill('SIGKILL')
  })
  return new Promise((resolve) => child.on('close', () => resolve(state)))
}

describe('a process that is killed while it receives', () => {
  it.each(['push', 'fetch'] as const)('in a %s goes on where it was, with under 5 percent sent twice', async (mode) => {
    const folder = mkdtempSync(join(tmpdir(), 'dits-killed-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    let [sent, total, kills] = [0, 0, 0]
    for (const killAfter of [100_000_000, Infinity]) {
      const run = await transfer(mode, folder, killAfter)
      sent += run.bytes
      total = run.total
      if (!run.done) kills++
      expect(run.done).toBe(killAfter === Infinity)
    }
    console.log(`${mode}: ${kills} kills, ${((sent / total - 1) * 100).toFixed(1)} % twice`)
    expect(sent / total).toBeLessThan(share)
    const store = await DiskStore.open(folder)
    const objects = await PackedObjects.open(store)
    for (const name of objects.packs.names) expect((await objects.packs.index(name)).count).toBeGreaterThan(0)
    await store.close()
  })
})

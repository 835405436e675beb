import { DitsError, hasCode, salvagePacks, type Id } from '#core'
import { asError, errorToTell } from './faults.ts'
import { clipText, readArray, readBytes, readCount, readText, unpackIds } from './fields.ts'
import { FrameStream, violation, type Message } from './frames.ts'
import { inTime } from './in-time.ts'
import { filterOfAll, heldBits } from './held.ts'
import type { Host, HostedRepository } from './host.ts'
import { greetingMs, idleMs, idsPerMessageMax, prefixesMax, protocolVersion, refsPerMessageMax, shortIdBytes, shortIdsPerMessageMax, silenceMs, stoppingIdleMs } from './limits.ts'
import { locateHere } from './new-commits.ts'
import { RecordReceiver } from './receive-records.ts'
import { noteReceiving, settleReceiving } from './receiving.ts'
import { sendRecords, type ToSend } from './send-records.ts'
import { serveHistory } from './serve-history.ts'
import { serveMove } from './serve-move.ts'
import type { ByteStream, Peer } from './transport.ts'

export interface ServeOptions {
  /** Milliseconds; only differences count. */
  now: () => number
  /** How long a peer may keep silent within a request, and between two; the protocol's limits where they are absent. */
  silenceMs?: number
  idleMs?: number
  /** Ends the stream, whatever it is at. */
  signal?: AbortSignal
  /** Ends the stream once its client is between two requests for longer than a client at work is. */
  stopping?: AbortSignal
}

/**
 * Serves one stream from its greeting to its end: requests are answered one
 * after another (PROTOCOL.md). What goes wrong in a request is told to the
 * client, and the next request is read; a peer that breaks the protocol, is
 * silent or is lost ends the stream. Never throws: everything is reported to
 * the host.
 */
export async function serveSession(stream: ByteStream, peer: Peer, host: Host, options: ServeOptions): Promise<void> {
  const frames = new FrameStream(stream, { now: options.now, silenceMs: options.silenceMs ?? silenceMs, isServer: true })
  const stop = () => frames.abort(new DitsError('connection-lost', 'the server stops'))
  options.signal?.addEventListener('abort', stop)
  let repository: HostedRepository | undefined
  try {
    if (options.signal?.aborted) stop()
    repository = await greet(frames, peer, host, Math.min(greetingMs, options.idleMs ?? greetingMs))
    if (repository) await new Session(frames, repository, host, options).run(stop)
    await frames.end()
  } catch (error) {
    const known = asError(error)
    host.report({ kind: 'refused', repository: repository?.name ?? '', user: repository?.user, peer, code: known.code, message: known.message })
    frames.abort(known)
  } finally {
    options.signal?.removeEventListener('abort', stop)
    await repository?.release().catch((error: unknown) => host.report({ kind: 'failed', repository: repository!.name, user: repository!.user, request: 'release', error }))
  }
}

/** Reads the greeting and opens the repository; nothing where the client was refused, and told so. */
async function greet(frames: FrameStream, peer: Peer, host: Host, withinMs: number): Promise<HostedRepository | undefined> {
  const message = await inTime(frames.nextMessage(), withinMs)
  if (!message) return undefined
  if (message[0] !== 'hello') throw violation(`'${message[0].slice(0, 20)}' instead of a greeting`)
  const version = readCount(message[1], 'version', 1000)
  try {
    if (version !== protocolVersion) {
      throw new DitsError('unsupported-version', `the server speaks version ${protocolVersion} of the protocol, not ${version}`, { hint: 'use a dits of the same age on both sides' })
    }
    const repository = await host.open({
      repository: readText(message[2], 'repository', 1024),
      token: message[3] === null ? undefined : readText(message[3], 'token', 1024),
      agent: readText(message[4], 'agent', 256),
      peer,
    })
    await frames.send(['welcome', protocolVersion, repository.role, ...(repository.isNew ? ['new'] : [])])
    return repository
  } catch (error) {
    if (hasCode(error, 'protocol-violation')) throw error
    const told = errorToTell(host, error, { repository: '', user: undefined, request: 'hello' })
    await tellError(frames, told)
    if (told === error) host.report({ kind: 'refused', repository: '', user: undefined, peer, code: told.code, message: told.message })
    return undefined
  }
}

type Answer = (message: Message) => Promise<void>

/** What one client asks of one repository. */
class Session {
  readonly #frames: FrameStream
  readonly #repository: HostedRepository
  readonly #host: Host
  readonly #options: ServeOptions
  #salvaged: Promise<unknown> | undefined
  readonly #answers: Record<string, { role: 'read' | 'write'; answer: Answer }> = {
    refs: { role: 'read', answer: (message) => this.#refs(message) },
    history: { role: 'read', answer: (message) => serveHistory(this.#frames, this.#repository, message, this.#options.signal) },
    objects: { role: 'read', answer: (message) => this.#objects(message) },
    held: { role: 'write', answer: (message) => this.#held(message) },
    filter: { role: 'write', answer: () => this.#filter() },
    store: { role: 'write', answer: () => this.#store() },
    move: { role: 'write', answer: (message) => serveMove(this.#frames, this.#repository, this.#host, message, this.#options.signal) },
  }

  constructor(frames: FrameStream, repository: HostedRepository, host: Host, options: ServeOptions) {
    this.#frames = frames
    this.#repository = repository
    this.#host = host
    this.#options = options
  }

  /** Answers requests until the client ends. `stop` is called where it idles while the server is stopping. */
  async run(stop: () => void): Promise<void> {
    const { stopping } = this.#options
    let waiting: NodeJS.Timeout | undefined
    let isIdle = false
    const stopIdle = () => {
      if (isIdle && stopping?.aborted) waiting = setTimeout(stop, stoppingIdleMs)
    }
    stopping?.addEventListener('abort', stopIdle)
    try {
      for (;;) {
        isIdle = true
        stopIdle()
        const message = await this.#frames.nextMessage(this.#options.idleMs ?? idleMs)
        isIdle = false
        clearTimeout(waiting)
        if (!message) return
        await this.#answer(message)
      }
    } finally {
      clearTimeout(waiting)
      stopping?.removeEventListener('abort', stopIdle)
    }
  }

  async #answer(message: Message): Promise<void> {
    const request = Object.hasOwn(this.#answers, message[0]) ? this.#answers[message[0]] : undefined
    if (!request) throw violation(`request '${message[0].slice(0, 20)}' is unknown`)
    const { counts } = this.#frames
    const before = { ms: this.#options.now(), in: counts.bytesIn, out: counts.bytesOut }
    try {
      if (request.role === 'write' && this.#repository.role === 'read') {
        throw new DitsError('access-denied', `you may read '${this.#repository.name}' but not change it`, { hint: 'ask its administrator for the role write' })
      }
      await this.#frames.whileWorking(async () => {
        await this.#repository.checkAccess?.(request.role)
        if (request.role === 'write') await this.#repository.beginWriting?.()
        if (this.#repository.role !== 'read') await this.#salvage()
        await request.answer(message)
      })
    } catch (error) {
      await this.#fail(message[0], error)
    } finally {
      this.#host.report({
        kind: 'request',
        repository: this.#repository.name,
        user: this.#repository.user,
        request: message[0],
        ms: this.#options.now() - before.ms,
        bytesIn: counts.bytesIn - before.in,
        bytesOut: counts.bytesOut - before.out,
      })
    }
  }

  /** Before a client that may push learns what is here: what an earlier push of its had brought when the server was killed, or its line broke. */
  #salvage(): Promise<unknown> {
    const { store, objects, user } = this.#repository
    this.#salvaged ??= settleReceiving(store, user).then(() => salvagePacks(store, objects, () => this.#repository.newSessionName()))
    return this.#salvaged
  }

  /** Tells the client, where the stream can still be used; where data may be on its way, it cannot. */
  async #fail(request: string, error: unknown): Promise<void> {
    if (endsStream.has(asError(error).code)) throw error
    const { name, user } = this.#repository
    await tellError(this.#frames, errorToTell(this.#host, error, { repository: name, user, request }))
    if (request === 'store') throw error
  }

  /** `['refs', prefixes]`: names and ids, in as many messages as it takes; then HEAD's branch and how many objects there are. */
  async #refs(message: Message): Promise<void> {
    const prefixes = readArray(message[1], 'prefixes', prefixesMax).map((prefix) => readText(prefix, 'prefix', 1024))
    await this.#repository.objects.packs.refresh()
    let batch: (string | Uint8Array)[] = []
    for (const prefix of prefixes) {
      for await (const { name, id } of this.#repository.refs.list(prefix)) {
        batch.push(name, Buffer.from(id, 'hex'))
        if (batch.length < refsPerMessageMax * 2) continue
        await this.#frames.send(['refs', batch])
        batch = []
      }
    }
    await this.#frames.send(['refs', batch])
    await this.#frames.send(['refs-end', await this.#repository.readHeadBranch(), await this.#repository.objects.packs.countObjects()])
  }

  /** `['objects', ids]`: their records as data, then those that are not here. */
  async #objects(message: Message): Promise<void> {
    const ids = unpackIds(message[1], 'ids', idsPerMessageMax)
    const { objects } = this.#repository
    const missing: Id[] = []
    const found: ToSend[] = []
    await objects.packs.refresh()
    for (const id of ids) {
      const located = await locateHere(objects, id)
      if (located) found.push({ id, located })
      else missing.push(id)
    }
    await sendRecords(objects, this.#frames, found)
    await this.#frames.send(['objects-end', Buffer.from(missing.join(''), 'hex')])
  }

  /** `['held', shortIds]`: a bit for each. */
  async #held(message: Message): Promise<void> {
    const shortIds = readBytes(message[1], 'short ids', shortIdBytes * shortIdsPerMessageMax)
    if (shortIds.length % shortIdBytes !== 0) throw violation('short ids are cut short')
    await this.#frames.send(['held', await heldBits(this.#repository.objects, shortIds)])
  }

  /** `['filter']`: its length, then the filter of everything here as data. */
  async #filter(): Promise<void> {
    const { bits } = await filterOfAll(this.#repository.objects)
    await this.#frames.send(['filter', bits.length])
    await this.#frames.sendData(bits)
  }

  /** `['store']`, then data, then `['store-end']`: keeps the objects. What came before a failure is kept too. */
  async #store(): Promise<void> {
    const { store, objects } = this.#repository
    const receiver = new RecordReceiver(store, objects, this.#repository.newSessionName())
    const forget = noteReceiving(store, this.#repository.user, receiver)
    try {
      for (;;) {
        const frame = await this.#frames.next()
        if (!frame) throw new DitsError('connection-lost', 'the client ended in the middle of its objects')
        if ('message' in frame) {
          if (frame.message[0] !== 'store-end') throw violation('a message in the middle of objects')
          receiver.assertWhole()
          break
        }
        const waiting = receiver.push(frame.data)
        if (waiting) await waiting
      }
    } finally {
      await receiver.finish().finally(forget)
    }
    await this.#frames.send(['stored', receiver.counts.objects, receiver.counts.known])
  }
}

/** Codes after which nothing more can be said on a stream. */
const endsStream = new Set(['protocol-violation', 'connection-lost', 'peer-silent'])

/** Tells a client what went wrong, without what it must not know. */
async function tellError(frames: FrameStream, error: DitsError): Promise<void> {
  await frames.send(['error', error.code, clipText(error.message), error.hint === undefined ? null : clipText(error.hint)])
}

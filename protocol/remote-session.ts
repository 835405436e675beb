import { checkRefName, DitsError, type Id, type ObjectRef, type PackedObjects } from '#core'
import { IdFilter } from './bloom.ts'
import { packIds, readArray, readBytes, readCount, readId, readText, readWords, unpackIds, unpackRefs } from './fields.ts'
import { FrameStream, violation, type FrameCounts, type Message } from './frames.ts'
import { inTime } from './in-time.ts'
import { packShortIds } from './held.ts'
import type { RefMove, Role } from './host.ts'
import { boundaryMax, filterBytesMax, idsPerMessageMax, missingMax, movesMax, protocolVersion, refNamesBytesMax, refsPerMessageMax, silenceMs } from './limits.ts'
import { askForCheck, type Accepts, type RecordReceiver } from './receive-records.ts'
import { sendRecords, type ToSend } from './send-records.ts'
import type { Connection } from './transport.ts'

/** How long the other side may take to end a stream in turn. */
const closeMs = 5000

/** What a client says first. */
export interface ClientGreeting {
  repository: string
  token?: string | undefined
  agent: string
  now: () => number
  /** How long the other side may keep silent; the protocol's limit where it is absent. */
  silenceMs?: number
}

/** The refs of a remote repository. */
export interface RemoteRefs {
  refs: Map<string, Id>
  /** The branch that a clone starts on, by its full name. */
  headBranch: string
  /** Objects that it holds, to choose how to ask. */
  objects: number
}

/** What became of one ref: no code where it moved. */
export interface MoveResult {
  name: string
  code: string
  message: string
}

/**
 * One stream to a repository elsewhere, by its requests. One request at a time,
 * except where a method says otherwise. Errors of the other side are thrown as
 * they came, with their codes; what it says against the protocol throws
 * `protocol-violation`.
 */
export class RemoteSession {
  readonly role: Role
  /** The name that was asked for, and whether there is no such repository, which a push would make. */
  readonly repository: string
  readonly isNew: boolean
  readonly transport: string
  readonly #frames: FrameStream
  readonly #silenceMs: number
  /** Prefixes of the refs that were asked for with the greeting. */
  #prefixes: readonly string[]
  /** Objects were sent for which the other side has not said yet that it keeps them: so often. */
  #storesOpen = 0
  /** Questions of `askObjects` and `askHeld` that are not answered yet. */
  #questionsOpen = 0
  #onClose: (() => Promise<void>) | undefined

  private constructor(frames: FrameStream, known: { role: Role; repository: string; isNew: boolean; transport: string; silenceMs: number; prefixes: readonly string[] }) {
    this.#frames = frames
    this.role = known.role
    this.repository = known.repository
    this.isNew = known.isNew
    this.transport = known.transport
    this.#silenceMs = known.silenceMs
    this.#prefixes = known.prefixes
  }

  /**
   * Opens a stream and greets; asks for `prefixes` of refs in the same breath,
   * which `refs` then answers. Throws `access-denied`, `unsupported-version`
   * and what the transport throws.
   */
  static async open(connection: Connection, greeting: ClientGreeting, prefixes?: readonly string[]): Promise<RemoteSession> {
    const patience = greeting.silenceMs ?? silenceMs
    const frames = new FrameStream(await connection.openStream(), { now: greeting.now, silenceMs: patience })
    try {
      await frames.send(['hello', protocolVersion, greeting.repository, greeting.token ?? null, greeting.agent])
      if (prefixes) await frames.send(['refs', [...prefixes]])
      const welcome = expect(await frames.nextMessage(), 'welcome')
      if (readCount(welcome[1], 'version', protocolVersion) !== protocolVersion) throw violation('an answer in another version')
      return new RemoteSession(frames, { role: readRole(welcome[2]), repository: greeting.repository, isNew: welcome[3] === 'new', transport: connection.transport, silenceMs: patience, prefixes: prefixes ?? [] })
    } catch (error) {
      frames.abort(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }

  /** Bytes and rounds so far, the greeting's included. */
  get counts(): Readonly<FrameCounts> {
    return this.#frames.counts
  }

  /** Ends the stream; where the other side still has something to say, or does not end in turn, it is cut off. Never throws. */
  async close(): Promise<void> {
    try {
      await this.#frames.end()
      const rest = await inTime(this.#frames.next(), Math.min(closeMs, this.#silenceMs))
      if (!rest) return await this.#onClose?.()
    } catch {
      // What is lost here has been used, or was reported to whoever used it.
    }
    this.#frames.abort(new DitsError('connection-lost', 'the connection was closed'))
    await this.#onClose?.()
  }

  /** What is to be closed with the session. */
  onClose(close: () => Promise<void>): void {
    this.#onClose = close
  }

  /** The refs whose names start with one of `prefixes`, or that were asked for with the greeting. */
  async refs(prefixes?: readonly string[]): Promise<RemoteRefs> {
    if (prefixes) await this.#frames.send(['refs', [...prefixes]])
    const wanted = prefixes ?? this.#prefixes
    const refs = new Map<string, Id>()
    let bytes = 0
    for (;;) {
      const message = await this.#next('refs', 'refs-end')
      if (message[0] === 'refs-end') return { refs, headBranch: readRefName(message[1], ['refs/heads/']), objects: readCount(message[2], 'objects', 2 ** 52) }
      const rows = readArray(message[1], 'refs', refsPerMessageMax * 2)
      for (let i = 0; i < rows.length; i += 2) {
        const name = readRefName(rows[i], wanted)
        bytes += name.length + 64
        if (bytes > refNamesBytesMax) throw violation('refs without end')
        refs.set(name, readId(rows[i + 1], 'id'))
      }
    }
  }

  /**
   * Commits and trees that `wants` reach and `haves` do not, into `receiver`;
   * see PROTOCOL.md, "history". Answers the commits whose parents were left
   * behind because of `depth` (0: none).
   */
  async history(request: { wants: readonly Id[]; haves: readonly Id[]; depth: number; content: boolean }, receiver: RecordReceiver, onBytes?: (bytes: number) => void): Promise<Id[]> {
    const { wants, haves, depth, content } = request
    await this.#frames.send(['history', packIds(wants), packIds(haves), depth, content ? 1 : 0])
    const boundary: Id[] = []
    const accepts: Accepts = (kind) => kind === 'commit' || kind === 'tree' || (content && kind !== 'chunk' && kind !== 'tag')
    for (;;) {
      const message = await this.#receive(['boundary', 'history-end'], receiver, accepts, onBytes)
      if (message[0] === 'history-end') return boundary
      boundary.push(...unpackIds(message[1], 'boundary', idsPerMessageMax))
      if (depth === 0 || boundary.length > boundaryMax) throw violation('a boundary that nobody asked for')
    }
  }

  /** Asks for objects, at most `idsPerMessageMax`; the answer is taken by `receiveObjects`, in the order of asking. */
  async askObjects(ids: readonly Id[]): Promise<void> {
    if (ids.length > idsPerMessageMax) throw new Error(`${ids.length} ids in one request`)
    await this.#ask(['objects', packIds(ids)])
  }

  /** Takes the objects of the oldest question that is open, which was for `asked`. Answers which of them the other side has not. */
  async receiveObjects(asked: readonly Id[], receiver: RecordReceiver, onBytes?: (bytes: number) => void): Promise<Id[]> {
    const due = new Set(asked)
    const end = await this.#receive(['objects-end'], receiver, (_, id) => due.delete(id), onBytes)
    this.#questionsOpen--
    const missing = unpackIds(end[1], 'missing', idsPerMessageMax)
    if (missing.length !== due.size || !missing.every((id) => due.has(id))) throw violation('an answer that speaks of other objects than the question')
    return missing
  }

  /** Asks which objects are there; the answer is taken by `receiveHeld`, in the order of asking. */
  async askHeld(ids: readonly Id[]): Promise<void> {
    await this.#ask(['held', packShortIds(ids)])
  }

  /** A bit for each id of the oldest open question: whether the other side seems to have it. */
  async receiveHeld(count: number): Promise<Uint8Array> {
    const answer = await this.#next('held')
    this.#questionsOpen--
    const bits = readBytes(answer[1], 'bits', Math.ceil(count / 8))
    if (bits.length !== Math.ceil(count / 8)) throw violation('an answer of another length than the question')
    return bits
  }

  /** A filter of everything that the other side has. */
  async filter(): Promise<IdFilter> {
    await this.#frames.send(['filter'])
    const length = readCount((await this.#next('filter'))[1], 'filter', filterBytesMax)
    const bits = new Uint8Array(length)
    for (let at = 0; at < length; ) {
      const frame = await this.#frames.next()
      if (!frame || 'message' in frame || frame.data.length > length - at) throw violation('a filter of another length than was said')
      bits.set(frame.data, at)
      at += frame.data.length
    }
    return new IdFilter({ bits })
  }

  /**
   * Sends objects, and does not wait until they are durable there: the next
   * answer comes after that, and throws what went wrong. Answers bytes of records.
   */
  async store(objects: PackedObjects, items: Iterable<ToSend>, onBytes?: (bytes: number) => void): Promise<number> {
    try {
      await this.#frames.send(['store'])
      const bytes = await sendRecords(objects, this.#frames, items, onBytes)
      await this.#frames.send(['store-end'])
      this.#storesOpen++
      return bytes
    } catch (error) {
      throw await this.#whyItFailed(error)
    }
  }

  /** Moves refs; or answers what is missing for that. */
  async move(moves: readonly RefMove[]): Promise<{ missing: ObjectRef[] } | { results: MoveResult[] }> {
    await this.#frames.send(['move', moves.map(({ name, before, after }) => [name, idOrNil(before), idOrNil(after)])])
    const message = await this.#next('missing', 'moved')
    if (message[0] === 'missing') return { missing: unpackRefs(message[1], 'missing', missingMax) }
    const results = readArray(message[1], 'results', movesMax).map((row) => {
      const [name, code, text] = readArray(row, 'result', 3)
      return { name: readText(name, 'ref', 1024), code: readCode(code), message: readWords(text, 'message') }
    })
    return { results }
  }

  async #ask(question: Message): Promise<void> {
    await this.#frames.send(question, this.#questionsOpen++ > 0 ? 'ahead' : 'now')
  }

  async #receive(ends: readonly string[], receiver: RecordReceiver, accepts: Accepts, onBytes?: (bytes: number) => void): Promise<Message> {
    for (;;) {
      const frame = await this.#frames.next()
      if (!frame) throw new DitsError('connection-lost', 'the other side ended in the middle of an answer')
      if ('message' in frame) {
        const message = expect(frame.message, ...ends)
        receiver.assertWhole()
        return message
      }
      const waiting = receiver.push(frame.data, accepts)
      if (waiting) await waiting
      onBytes?.(frame.data.length)
    }
  }

  async #next(...names: string[]): Promise<Message> {
    for (; this.#storesOpen > 0; this.#storesOpen--) expect(await this.#frames.nextMessage(), 'stored')
    return expect(await this.#frames.nextMessage(), ...names)
  }

  /** Where sending failed because the other side gave up, what it said last. */
  async #whyItFailed(error: unknown): Promise<unknown> {
    if (!(error instanceof DitsError) || error.code !== 'connection-lost') return error
    try {
      await this.#next('stored')
    } catch (said) {
      if (said instanceof DitsError && said.code !== 'connection-lost' && said.code !== 'protocol-violation') return said
    }
    return error
  }
}

function expect(message: Message | undefined, ...names: string[]): Message {
  if (!message) throw new DitsError('connection-lost', 'the other side ended the connection', { hint: 'try again' })
  if (message[0] === 'error') throw errorOf(message)
  if (!names.includes(message[0])) throw violation(`'${message[0].slice(0, 20)}' where '${names[0]}' is due`)
  return message
}

/** What the other side calls damaged is there, and what it calls garbled is here: its hints would have a person look in the wrong place. */
function errorOf(message: Message): DitsError {
  const code = readCode(message[1])
  const text = readWords(message[2], 'message')
  if (code === 'object-garbled') return new DitsError(code, `the other side says: ${text}`, { hint: 'your copy of it is damaged; run: dits fsck --full' })
  if (code === 'object-missing') return new DitsError(code, `the other side says: ${text}`, { hint: 'try again; if it stays so, it is a shallow or partial clone itself, or damaged' })
  if (!/-(damaged|missing)$/.test(code)) return new DitsError(code, text, hintOf(message))
  return new DitsError(code, `the other side says: ${text}`, { hint: `the damage is there and not in your repository: ${askForCheck}` })
}

function hintOf(message: Message): { hint?: string } {
  return message[3] === null || message[3] === undefined ? {} : { hint: readWords(message[3], 'hint') }
}

function readCode(value: Message[number] | undefined): string {
  const code = readText(value, 'code', 64)
  if (!/^[a-z-]*$/.test(code)) throw violation('an error without a code')
  return code
}

function readRole(value: Message[number] | undefined): Role {
  if (value === 'read' || value === 'write' || value === 'admin') return value
  throw violation('a role that is unknown')
}

/** The name of a ref that starts with one of `prefixes`. */
function readRefName(value: Message[number] | undefined, prefixes: readonly string[]): string {
  const name = readText(value, 'ref', 1024)
  try {
    checkRefName(name)
  } catch (cause) {
    throw violation(`a ref with a name that cannot be: ${String(cause)}`)
  }
  if (!prefixes.some((prefix) => name.startsWith(prefix)) || unprintable.test(name)) throw violation('a ref that nobody asked for')
  return name
}

/** What a terminal might take for a command: the second range of control characters, of which names may have bytes. */
const unprintable = /\p{Cc}/u

function idOrNil(id: Id | undefined): Uint8Array | null {
  return id === undefined ? null : Buffer.from(id, 'hex')
}

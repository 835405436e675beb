import { addAbortSignal, Readable } from 'node:stream'
import type { GetObjectCommandOutput, HeadObjectCommandOutput, S3, S3ClientConfig } from '@aws-sdk/client-s3'
import { checkKey, checkKeyPrefix, checkWholeRead, isKey, rangeLength, type ByteRange, type ByteStore, type PutCondition, type Stored } from '#core'
import { statusOf, tryRepeatedly, type Attempt, type Patience } from './s3-attempts.ts'
import { checkNameLength, outcomeUnknown, s3Error, s3NameBytesMax, unsuitable, type Whereabouts } from './s3-error.ts'
import { etagOf, markPut, versionOf, wasCarriedOut, type PutMark } from './s3-marks.ts'
import { cutParts, partBytes, Permits } from './s3-parts.ts'
import type { S3Place } from './s3-url.ts'
import { checkConditions, sweepUnfinished } from './s3-upkeep.ts'
import { uploadInParts } from './s3-upload.ts'

export interface S3StoreOptions extends S3Place {
  /** Absent where the SDK is to look for them: environment, `~/.aws`, the machine's role. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  /** Ends everything that runs. */
  signal?: AbortSignal
  /** Parts of all values together that are on their way at once; each takes 8 MiB. */
  partsAtOnceMax?: number
  triesMax?: number
  /** How long a request may take beside its bytes. */
  answerMs?: number
  pauseMs?: number
}

/** A condition as S3 is told it. */
type Headers = { IfNoneMatch: '*' } | { IfMatch: string } | Record<string, never>

/**
 * A ByteStore in a bucket, for any number of processes at once: a value is the
 * object whose name is the prefix and the key. S3 stores an object whole or not
 * at all, and shows it to everyone from then on.
 *
 * A value up to 8 MiB is put by one request, under the condition itself. A
 * longer one is sent in parts, which take its name at the end, under the
 * condition where the server holds it there (Amazon does; Ceph 16 does not),
 * and after a look at what is there in any case. So values for which many may
 * race are to be short.
 *
 * A request whose answer is lost is repeated; `s3-marks.ts` says how a put that
 * was carried out the first time is told from one that came too late.
 *
 * Throws `store-unreachable`, `store-denied`, `store-missing`, `store-refused`,
 * `store-unsuitable`, `store-outcome-unknown`, `key-too-long` (over 1024 bytes
 * with the prefix) and what ByteStore says.
 */
export class S3Store implements ByteStore {
  readonly #s3: S3
  readonly #where: Whereabouts
  /** What all names start with: '' or the prefix and '/'. */
  readonly #start: string
  readonly #patience: Patience
  readonly #permits: Permits
  /** Whether the server wants the quotation marks that HTTP puts around an ETag; Ceph compares without them. */
  #quotesETags = true

  private constructor(s3: S3, options: S3StoreOptions) {
    this.#s3 = s3
    this.#where = { bucket: options.bucket, endpoint: options.endpoint }
    this.#start = options.prefix === '' ? '' : `${options.prefix}/`
    this.#permits = new Permits(options.partsAtOnceMax ?? 8)
    this.#patience = {
      triesMax: options.triesMax ?? 7,
      answerMs: options.answerMs ?? 20_000,
      pauseMs: options.pauseMs ?? 100,
      pauseMsMax: 5000,
      signal: options.signal,
    }
  }

  /**
   * Opens the store and tries, on a value of its own in `tmp/`, whether the
   * server holds conditions. Throws `bad-key` for a prefix that is none,
   * `store-unsuitable`, and what every operation throws.
   */
  static async open(options: S3StoreOptions): Promise<S3Store> {
    if (options.prefix !== '') checkKey(options.prefix)
    // Here and not above: the SDK takes longer to load than most commands run.
    const { S3 } = await import('@aws-sdk/client-s3')
    const store = new S3Store(new S3(configuration(options)), options)
    try {
      await store.#learnConditions()
    } catch (error) {
      store.close()
      throw error
    }
    return store
  }

  async get(key: string, range?: ByteRange): Promise<Stored | undefined> {
    const name = this.#nameOf(key)
    return range ? this.#getRange(key, name, range) : this.#getWhole(key, name)
  }

  async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, condition?: PutCondition): Promise<boolean> {
    return this.#put(key, this.#nameOf(key), body, condition)
  }

  async stat(key: string): Promise<{ size: number; modifiedMs: number } | undefined> {
    const found = await this.#head(key, this.#nameOf(key))
    return found && { size: found.ContentLength ?? 0, modifiedMs: found.LastModified?.getTime() ?? 0 }
  }

  async *list(prefix: string): AsyncIterable<string> {
    checkKeyPrefix(prefix)
    if (this.#start.length + prefix.length > s3NameBytesMax) return
    let last = ''
    for (let after = ''; ; ) {
      const page = await this.#send('list', prefix, 0, ({ signal }) => this.#s3.listObjectsV2({
        Bucket: this.#where.bucket,
        Prefix: this.#start + prefix,
        ...(after === '' ? {} : { StartAfter: after }),
      }, { abortSignal: signal }))
      for (const { Key: name = '' } of page.Contents ?? []) {
        after = name
        const key = name.slice(this.#start.length)
        // The bucket may hold what others put there.
        if (!isKey(key)) continue
        if (key <= last) throw unsuitable(this.#where, 'it lists names out of order')
        last = key
        yield key
      }
      if (!page.IsTruncated || !page.Contents?.length) return
    }
  }

  async delete(key: string): Promise<void> {
    await this.#delete(key, this.#nameOf(key))
  }

  /**
   * Drops what crashed processes left: parts of values that were never
   * completed, begun more than a day before `nowMs` (milliseconds since 1970),
   * and probes of `open`. Answers how many went.
   */
  async sweepUnfinished(nowMs: number): Promise<number> {
    const { bucket } = this.#where
    return sweepUnfinished({ s3: this.#s3, bucket, start: this.#start, send: (work) => this.#send('sweep', this.#start, 0, work) }, nowMs)
  }

  /** Closes the connections. The store is not used after that. */
  close(): void {
    this.#s3.destroy()
  }

  #nameOf(key: string): string {
    checkKey(key)
    const name = this.#start + key
    checkNameLength(key, name)
    return name
  }

  async #getWhole(key: string, name: string): Promise<Stored | undefined> {
    return this.#send('read', key, 0, async (attempt) => {
      const found = await this.#getObject(name, attempt.signal)
      if (!found) return undefined
      return { bytes: await readBody(found, attempt, (size) => checkWholeRead(key, size)), version: versionOf(found) }
    })
  }

  async #getRange(key: string, name: string, { offset, length }: ByteRange): Promise<Stored | undefined> {
    rangeLength({ offset, length }, 0)
    if (length === 0) return (await this.#head(key, name)) && { bytes: new Uint8Array(), version: '' }
    const range = `bytes=${offset}-${Math.min(offset + length - 1, Number.MAX_SAFE_INTEGER)}`
    return this.#send('read', key, 0, async (attempt) => {
      try {
        const found = await this.#getObject(name, attempt.signal, range)
        const checkSize = (size: number): void => {
          if (size > length) throw unsuitable(this.#where, 'it answers with more than the range that it was asked for')
        }
        return found && { bytes: await readBody(found, attempt, checkSize), version: '' }
      } catch (error) {
        // The value ends before the range.
        if (statusOf(error) === 416) return { bytes: new Uint8Array(), version: '' }
        throw error
      }
    })
  }

  async #getObject(name: string, signal: AbortSignal, range?: string): Promise<GetObjectCommandOutput | undefined> {
    const request = { Bucket: this.#where.bucket, Key: name, ...(range === undefined ? {} : { Range: range }) }
    return absentAsValue(this.#s3.getObject(request, { abortSignal: signal }))
  }

  async #head(key: string, name: string): Promise<HeadObjectCommandOutput | undefined> {
    const request = { Bucket: this.#where.bucket, Key: name }
    return this.#send('read', key, 0, ({ signal }) => absentAsValue(this.#s3.headObject(request, { abortSignal: signal })))
  }

  async #put(key: string, name: string, body: Uint8Array | AsyncIterable<Uint8Array>, condition?: PutCondition): Promise<boolean> {
    const headers = this.#headersFor(condition)
    if (!headers) return false
    const mark = markPut(condition)
    if (body instanceof Uint8Array && body.length <= partBytes) return this.#putAtOnce(key, name, body, mark, headers, condition)
    const parts = cutParts(body instanceof Uint8Array ? one(body) : body)
    try {
      const { value: first = new Uint8Array() } = await parts.next()
      if (first.length < partBytes) return await this.#putAtOnce(key, name, first, mark, headers, condition)
      if (!(await this.#holds(key, name, condition))) return false
      return await this.#putInParts(key, name, joined(first, parts), mark, headers, condition)
    } finally {
      await parts.return(undefined)
    }
  }

  #putAtOnce(key: string, name: string, body: Uint8Array, mark: PutMark, headers: Headers, condition: PutCondition | undefined): Promise<boolean> {
    const request = { Bucket: this.#where.bucket, Key: name, Body: body, Metadata: mark.metadata, ...headers }
    return this.#send('write', key, body.length, (attempt) =>
      this.#conclude(key, name, mark, condition, attempt, this.#s3.putObject(request, { abortSignal: attempt.signal })))
  }

  #putInParts(key: string, name: string, parts: AsyncIterable<Uint8Array>, mark: PutMark, headers: Headers, condition: PutCondition | undefined): Promise<boolean> {
    const value = { Bucket: this.#where.bucket, Key: name }
    const send = <T>(bytes: number, work: (attempt: Attempt) => Promise<T>): Promise<T> => this.#send('write', key, bytes, work)
    return uploadInParts(parts, {
      begin: () => send(0, async ({ signal }) => {
        const { UploadId } = await this.#s3.createMultipartUpload({ ...value, Metadata: mark.metadata }, { abortSignal: signal })
        return this.#present(UploadId, 'it gives an upload no id')
      }),
      send: (UploadId, PartNumber, Body) => send(Body.length, async ({ signal }) => {
        const { ETag } = await this.#s3.uploadPart({ ...value, UploadId, PartNumber, Body }, { abortSignal: signal })
        return this.#present(ETag, 'it gives a part no ETag')
      }),
      complete: async (UploadId, etags) => {
        if (!(await this.#holds(key, name, condition))) return false
        const MultipartUpload = { Parts: etags.map((ETag, i) => ({ PartNumber: i + 1, ETag })) }
        return send(0, (attempt) => this.#conclude(key, name, mark, condition, attempt,
          this.#s3.completeMultipartUpload({ ...value, UploadId, MultipartUpload, ...headers }, { abortSignal: attempt.signal })))
      },
      abort: (UploadId) => send(0, async ({ signal }) => void (await this.#s3.abortMultipartUpload({ ...value, UploadId }, { abortSignal: signal }))),
    }, this.#permits)
  }

  /**
   * Waits for the request that stores a value, and answers whether it is
   * stored. A condition that does not hold is the answer, unless an earlier
   * try may be what broke it. The same goes for an upload that is gone.
   */
  async #conclude(key: string, name: string, mark: PutMark, condition: PutCondition | undefined, attempt: Attempt, request: Promise<unknown>): Promise<boolean> {
    try {
      await request
      return true
    } catch (error) {
      const isGone = attempt.mayBeDone && error instanceof Error && error.name === 'NoSuchUpload'
      const isBroken = condition !== undefined && conditionFailed(error, attempt.isLast)
      if (!isGone && !isBroken) throw error
      if (!attempt.mayBeDone) return false
      const done = wasCarriedOut(mark, condition, await this.#head(key, name))
      if (done === undefined) throw outcomeUnknown(key)
      return done
    }
  }

  /** Whether a condition holds now. */
  async #holds(key: string, name: string, condition: PutCondition | undefined): Promise<boolean> {
    if (!condition) return true
    const found = await this.#head(key, name)
    if (condition.if === 'absent') return !found
    return found !== undefined && etagOf(versionOf(found)) === etagOf(condition.if.version)
  }

  /** `undefined` for a version that no value of this store can have. */
  #headersFor(condition: PutCondition | undefined): Headers | undefined {
    if (!condition) return {}
    if (condition.if === 'absent') return { IfNoneMatch: '*' }
    const etag = etagOf(condition.if.version)
    return etag === undefined ? undefined : { IfMatch: this.#quotesETags ? `"${etag}"` : etag }
  }

  async #delete(key: string, name: string): Promise<void> {
    const request = { Bucket: this.#where.bucket, Key: name }
    await this.#send('delete', key, 0, ({ signal }) => this.#s3.deleteObject(request, { abortSignal: signal }))
  }

  async #learnConditions(): Promise<void> {
    const quotes = await checkConditions(this.#start, {
      put: (name, text, condition, isQuoted) => {
        this.#quotesETags = isQuoted
        return this.#put(name, name, Buffer.from(text), condition)
      },
      version: async (name) => (await this.#getWhole(name, name))?.version,
      delete: (name) => this.#delete(name, name),
    })
    if (quotes === undefined) throw unsuitable(this.#where, 'it does not hold the conditions of writes')
    this.#quotesETags = quotes
  }

  /** Sends a request as often as is sensible; what goes wrong is said in words of dits. */
  async #send<T>(action: string, key: string, bytes: number, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    try {
      return await tryRepeatedly(this.#patience, bytes, work)
    } catch (error) {
      if (this.#patience.signal?.aborted) throw error
      throw s3Error(action, key, this.#where, error)
    }
  }

  #present(value: string | undefined, complaint: string): string {
    if (!value) throw unsuitable(this.#where, complaint)
    return value
  }
}

/** The SDK's own repetitions are off: only who knows what was tried before can judge an answer. Checksums beyond S3's first ones are unknown to many servers. */
function configuration(options: S3StoreOptions): S3ClientConfig {
  const region = options.region ?? (options.endpoint === undefined ? undefined : 'us-east-1')
  return {
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    forcePathStyle: options.pathStyle ?? options.endpoint !== undefined,
    requestHandler: { connectionTimeout: options.answerMs ?? 20_000 },
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
  }
}

/** The value of an answer, read to its end; `checkSize` throws for a size that is not wanted, before anything is read. */
async function readBody(found: GetObjectCommandOutput, attempt: Attempt, checkSize: (size: number) => void): Promise<Uint8Array> {
  if (!(found.Body instanceof Readable)) throw new Error('the answer has no body')
  const body = addAbortSignal(attempt.signal, found.Body)
  try {
    const size = found.ContentLength ?? Infinity
    checkSize(size)
    attempt.allow(size)
    const pieces: Uint8Array[] = []
    let length = 0
    for await (const piece of body as AsyncIterable<Uint8Array>) {
      length += piece.length
      if (length > size) break
      pieces.push(piece)
    }
    if (length !== size) throw new Error(`the answer has ${length} bytes instead of ${size}`)
    return Buffer.concat(pieces)
  } finally {
    body.destroy()
  }
}

/** `undefined` where there is no such object. Without a bucket there is no answer. */
async function absentAsValue<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request
  } catch (error) {
    if (statusOf(error) === 404 && error instanceof Error && error.name !== 'NoSuchBucket') return undefined
    throw error
  }
}

/** 412; 404 where there is nothing to replace; and 409, another write at this instant, which is worth trying again while there are tries. */
function conditionFailed(error: unknown, isLast: boolean): boolean {
  const status = statusOf(error)
  if (status === 404) return error instanceof Error && error.name === 'NoSuchKey'
  return status === 412 || (status === 409 && isLast)
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function* joined(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  yield* rest
}

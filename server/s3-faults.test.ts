import { inspect } from 'node:util'
import type { IncomingMessage } from 'node:http'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { keys } from '../test/contracts/byte-store.ts'
import { startRelay, type Fate, type Relay } from '../test/services/http-relay.ts'
import { newBucket, rawS3 } from '../test/services/s3-fixture.ts'
import { describeWithCeph } from '../test/services/use-ceph.ts'
import { partBytes } from './s3-parts.ts'
import { S3Store } from './s3-store.ts'

describeWithCeph('S3Store over a network that fails', () => {
  let bucket: Awaited<ReturnType<typeof newBucket>>
  let relay: Relay
  /** Through the relay. */
  let store: S3Store
  /** Another process, which reaches the server itself. */
  let other: S3Store
  let count = 0
  beforeAll(async () => {
    bucket = await newBucket()
  })
  beforeEach(async () => {
    const prefix = `t${count++}`
    relay = await startRelay(bucket.endpoint)
    other = await S3Store.open({ ...bucket, prefix })
    store = await S3Store.open({ ...bucket, prefix, endpoint: relay.endpoint })
  })
  afterEach(async () => {
    store.close()
    other.close()
    await relay.close()
  })

  describe('trying again', () => {
    for (const fate of ['overloaded', 'lost', 'answer lost', 'answer cut'] as const) {
      it(`does everything where two requests of three are '${fate}'`, async () => {
        let requests = 0
        relay.fate = () => (requests++ % 3 < 2 ? fate : 'pass')
        expect(await store.put('a', text('one'))).toBe(true)
        expect(await store.put('b', text('two'), { if: 'absent' })).toBe(true)
        const { version, bytes } = (await store.get('b'))!
        expect(Buffer.from(bytes).toString()).toBe('two')
        expect(await store.put('b', text('three'), { if: { version } })).toBe(true)
        expect(await store.put('b', text('four'), { if: { version } })).toBe(false)
        expect(Buffer.from((await store.get('b', { offset: 1, length: 3 }))!.bytes).toString()).toBe('hre')
        expect(await keys(store, '')).toEqual(['a', 'b'])
        await store.delete('a')
        expect((await store.stat('b'))?.size).toBe(5)
        expect(await store.stat('a')).toBeUndefined()
        expect(requests).toBeGreaterThan(20)
      })
    }

    it('gives up in the end, and says that the server does not answer', async () => {
      for (const fate of ['overloaded', 'lost', { status: 500 }] as const) {
        relay.fate = () => fate
        await expect(store.get('a')).rejects.toMatchObject({ code: 'store-unreachable', hint: expect.any(String) })
        await expect(store.put('a', text('x'))).rejects.toMatchObject({ code: 'store-unreachable' })
        await expect(store.stat('a')).rejects.toMatchObject({ code: 'store-unreachable' })
        await expect(keys(store, '')).rejects.toMatchObject({ code: 'store-unreachable' })
        await expect(store.delete('a')).rejects.toMatchObject({ code: 'store-unreachable' })
      }
    })

    it('does not wait for ever for a server that is silent', async () => {
      const hasty = await S3Store.open({ ...bucket, endpoint: relay.endpoint, prefix: 'hasty', answerMs: 1000, triesMax: 2 })
      await hasty.put('k', text('hello'))
      relay.fate = once('silent')
      expect(Buffer.from((await hasty.get('k'))!.bytes).toString()).toBe('hello')
      relay.fate = () => 'silent'
      await expect(hasty.get('k')).rejects.toMatchObject({ code: 'store-unreachable', message: expect.stringContaining('no answer in time') })
      hasty.close()
    })

    it('ends at once where its signal says so', async () => {
      const stop = new AbortController()
      const stoppable = await S3Store.open({ ...bucket, endpoint: relay.endpoint, prefix: 'stop', signal: stop.signal })
      const reason = new Error('the server stops')
      relay.fate = () => {
        stop.abort(reason)
        return 'silent'
      }
      await expect(stoppable.get('k')).rejects.toBe(reason)
      await expect(stoppable.put('k', text('x'))).rejects.toBe(reason)
      stoppable.close()
    })
  })

  describe('a put whose answer is lost', () => {
    it('counts as done where it was done, and is not done twice', async () => {
      relay.fate = once('answer lost')
      expect(await store.put('k', text('mine'), { if: 'absent' })).toBe(true)
      const { version } = (await other.get('k'))!
      relay.fate = once('answer lost')
      expect(await store.put('k', text('mine too'), { if: { version } })).toBe(true)
      expect(await textOf(other, 'k')).toBe('mine too')
    })

    it('counts as done also where others have built on it since', async () => {
      relay.fate = once('answer lost')
      relay.afterwards = async () => {
        for (const next of ['theirs', 'theirs again']) {
          expect(await other.put('k', text(next), { if: { version: (await other.get('k'))!.version } })).toBe(true)
        }
      }
      expect(await store.put('k', text('mine'), { if: 'absent' })).toBe(true)
      expect(await textOf(other, 'k')).toBe('theirs again')
    })

    it('counts as not done where another was first, though with the same value', async () => {
      await other.put('k', text('same'), { if: 'absent' })
      relay.fate = once('answer lost')
      expect(await store.put('k', text('same'), { if: 'absent' })).toBe(false)
      const { version } = (await store.get('k'))!
      await other.put('k', text('next'), { if: { version } })
      relay.fate = once('answer lost')
      expect(await store.put('k', text('next'), { if: { version } })).toBe(false)
    })

    it('counts as not done where it never arrived and another came meanwhile', async () => {
      await other.put('k', text('start'))
      const { version } = (await store.get('k'))!
      relay.fate = once('lost', () => other.put('k', text('theirs'), { if: { version } }))
      expect(await store.put('k', text('mine'), { if: { version } })).toBe(false)
      expect(await textOf(store, 'k')).toBe('theirs')
    })

    it('is reported as unknown where nothing is left to tell', async () => {
      await other.put('k', text('start'))
      const { version } = (await store.get('k'))!
      relay.fate = once('answer lost')
      relay.afterwards = async () => void (await other.put('k', text('over everything')))
      await expect(store.put('k', text('mine'), { if: { version } })).rejects.toMatchObject({ code: 'store-outcome-unknown', hint: expect.any(String) })
      expect(await textOf(store, 'k')).toBe('over everything')
    })
  })

  describe('long values', () => {
    const long = Buffer.alloc(2 * partBytes + 1000, 'a long value ')

    it.each(['overloaded', 'lost', 'answer lost'] as const)(`arrive whole where each request is '%s' once`, async (fate) => {
      const seen = new Set<string>()
      relay.fate = (request) => {
        const name = nameOf(request)
        if (seen.has(name)) return 'pass'
        seen.add(name)
        return fate
      }
      expect(await store.put('long', pieces(long), { if: 'absent' })).toBe(true)
      expect([...seen].filter((name) => name.startsWith('POST')).length).toBeGreaterThanOrEqual(2)
      expect((await other.stat('long'))?.size).toBe(long.length)
      expect(Buffer.from((await other.get('long', { offset: 2 * partBytes - 500, length: 1500 }))!.bytes).equals(long.subarray(2 * partBytes - 500))).toBe(true)
      // The upload that was begun first, where its id was lost, is left for a sweep.
      expect(await unfinished()).toBe(fate === 'answer lost' ? 1 : 0)
    })

    it('hold conditions', async () => {
      expect(await store.put('long', pieces(long), { if: 'absent' })).toBe(true)
      expect(await store.put('long', pieces(long), { if: 'absent' })).toBe(false)
      expect(await store.put('long', long, { if: { version: 'none ' } })).toBe(false)
      expect(await unfinished()).toBe(0)
    })

    it('give way to a value that came while their parts were sent', async () => {
      relay.fate = async (request): Promise<Fate> => {
        if (nameOf(request).includes('partNumber=2')) await other.put('long', text('faster'), { if: 'absent' })
        return 'pass'
      }
      expect(await store.put('long', pieces(long), { if: 'absent' })).toBe(false)
      expect(await textOf(store, 'long')).toBe('faster')
      expect(await unfinished()).toBe(0)
    })

    it('leave no parts where one cannot be sent, and ask for no more of the body', async () => {
      relay.fate = (request) => (nameOf(request).includes('partNumber=2') ? { status: 500 } : 'pass')
      let pulled = 0
      let closed = false
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) yield (pulled++, Buffer.alloc(partBytes))
        } finally {
          closed = true
        }
      }
      await expect(store.put('long', endless())).rejects.toMatchObject({ code: 'store-unreachable' })
      expect({ closed, few: pulled < 100 }).toEqual({ closed: true, few: true })
      expect(await unfinished()).toBe(0)
      expect(await keys(other, '')).toEqual([])
    })

    it('leave no parts where the body breaks', async () => {
      const reason = new Error('the source broke')
      async function* breaking(): AsyncGenerator<Uint8Array> {
        yield long
        throw reason
      }
      await expect(store.put('long', breaking())).rejects.toBe(reason)
      expect(await unfinished()).toBe(0)
    })

    it('cannot be read whole, before their bytes are sent', async () => {
      await other.put('huge', pieces(Buffer.alloc(17 * 1024 * 1024)))
      await expect(store.get('huge')).rejects.toMatchObject({ code: 'value-too-large' })
      expect((await store.get('huge', { offset: 5, length: 20 }))!.bytes.length).toBe(20)
    })

    it('can be swept once whoever sent them is gone for a day', async () => {
      const s3 = rawS3(bucket)
      const { UploadId } = await s3.createMultipartUpload({ Bucket: bucket.bucket, Key: `t${count - 1}/packs/x` })
      await s3.putObject({ Bucket: bucket.bucket, Key: `t${count - 1}/tmp/probe-x`, Body: 'first' })
      expect(UploadId).toBeTruthy()
      expect(await store.sweepUnfinished(Date.now())).toBe(0)
      expect(await unfinished()).toBe(1)
      expect(await store.sweepUnfinished(Date.now() + 25 * 60 * 60 * 1000)).toBe(2)
      expect(await unfinished()).toBe(0)
      s3.destroy()
    })

    /** Uploads that were begun below this test's prefix, and not ended. */
    async function unfinished(): Promise<number> {
      const s3 = rawS3(bucket)
      const { Uploads } = await s3.listMultipartUploads({ Bucket: bucket.bucket, Prefix: `t${count - 1}/` })
      s3.destroy()
      return Uploads?.length ?? 0
    }
  })

  describe('errors', () => {
    const open = (change: Partial<Parameters<typeof S3Store.open>[0]>) => S3Store.open({ ...bucket, prefix: 'errors', triesMax: 2, ...change })

    it('name what is wrong, without the keys', async () => {
      const wrong = { accessKeyId: bucket.accessKeyId, secretAccessKey: 'not-the-secret' }
      await expect(open({ credentials: wrong })).rejects.toMatchObject({ code: 'store-denied', hint: expect.stringContaining('access key') })
      await expect(open({ bucket: 'no-such-bucket' })).rejects.toMatchObject({ code: 'store-missing', message: expect.stringContaining('no-such-bucket') })
      await expect(open({ endpoint: 'http://127.0.0.1:1' })).rejects.toMatchObject({ code: 'store-unreachable', message: expect.stringContaining('ECONNREFUSED') })
      await expect(open({ prefix: 'a//b' })).rejects.toMatchObject({ code: 'bad-key' })
      const shown = inspect(await open({ credentials: wrong }).catch((error: unknown) => error), { depth: 10, showHidden: true })
      expect(shown).not.toContain('not-the-secret')
    })

    it('tell a server that passes over conditions, and one that lists out of order', async () => {
      const stored = '<ListBucketResult><Contents><Key>errors/b</Key></Contents><Contents><Key>errors/a</Key></Contents></ListBucketResult>'
      const lister = await open({ endpoint: relay.endpoint })
      relay.fate = (request) => (request.method === 'PUT' ? { status: 200, headers: { etag: '"x"' } } : 'pass')
      await expect(open({ endpoint: relay.endpoint })).rejects.toMatchObject({ code: 'store-unsuitable', hint: expect.stringContaining('If-None-Match') })
      relay.fate = () => ({ status: 200, body: stored })
      await expect(keys(lister, '')).rejects.toMatchObject({ code: 'store-unsuitable' })
      lister.close()
    })

    it('tell a server that answers more than it was asked for', async () => {
      await store.put('k', text('0123456789'))
      relay.fate = () => ({ status: 200, body: '0123456789', headers: { 'content-length': '10' } })
      await expect(store.get('k', { offset: 0, length: 5 })).rejects.toMatchObject({ code: 'store-unsuitable' })
    })

    it('refuse a key that is too long for S3, and only there', async () => {
      const most = `${'n'.repeat(200)}/`.repeat(6).slice(0, 1024 - `t${count - 1}/`.length)
      await store.put(most, text('x'))
      expect(await keys(store, most)).toEqual([most])
      await expect(store.put(`${most}x`, text('x'))).rejects.toMatchObject({ code: 'key-too-long', hint: expect.any(String) })
    })
  })

  it('lists more keys than one answer holds, and passes over what others put into the bucket', async () => {
    const names = Array.from({ length: 1005 }, (_, i) => `many/${String(i).padStart(5, '0')}`)
    for (let i = 0; i < names.length; i += 50) await Promise.all(names.slice(i, i + 50).map((name) => other.put(name, text('x'))))
    const s3 = rawS3(bucket)
    for (const name of ['many/a folder/', 'many/ünï', 'many/00000/', 'lock', 'tmp/x']) await s3.putObject({ Bucket: bucket.bucket, Key: `t${count - 1}/${name}`, Body: 'x' })
    s3.destroy()
    expect(await keys(store, '')).toEqual(names)
    expect(await keys(store, 'many/0100')).toEqual(names.slice(1000))
  })
})

function text(value: string): Uint8Array {
  return Buffer.from(value)
}

async function textOf(store: S3Store, key: string): Promise<string> {
  return Buffer.from((await store.get(key))!.bytes).toString()
}

async function* pieces(whole: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += 1_000_000) yield whole.subarray(at, at + 1_000_000)
}

/** The first request has this fate, after `first`; all others pass. */
function once(fate: Fate, first: () => Promise<unknown> = async () => {}): (request: IncomingMessage) => Promise<Fate> {
  let isFirst = true
  return async () => {
    if (!isFirst) return 'pass'
    isFirst = false
    await first()
    return fate
  }
}

/** The same for all tries of a request. */
function nameOf({ method, url }: IncomingMessage): string {
  return `${method} ${url?.replace(/uploadId=[^&]+/, 'uploadId')}`
}

import { DitsError } from '#core'
import { statusOf } from './s3-attempts.ts'

/** What S3 stores are called in messages: the bucket and its server, without any keys. */
export interface Whereabouts {
  bucket: string
  endpoint: string | undefined
}

/**
 * What to throw for `error`, met while `action` ("read", "write" …) was done to
 * `key`. Errors of dits, and an abort, stay as they are.
 */
export function s3Error(action: string, key: string, where: Whereabouts, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof DitsError || error instanceof RangeError || error instanceof TypeError) return error
  const status = statusOf(error)
  const cannot = `cannot ${action} '${key}' in bucket '${where.bucket}'`
  const server = where.endpoint ?? 'S3'
  if (error.name === 'NoSuchBucket') {
    return new DitsError('store-missing', `there is no bucket '${where.bucket}' on ${server}`, { hint: 'create the bucket, or correct its name', cause: error })
  }
  if (status === 401 || status === 403 || error.name === 'CredentialsProviderError') {
    return new DitsError('store-denied', `${cannot}: ${server} denies access (${error.name})`, {
      hint: 'check the access key, its rights to list, read, write and delete in the bucket, and the clock of this machine',
      cause: error,
    })
  }
  if (status === undefined || status === 429 || status >= 500 || status === 200) {
    const reason = status === undefined ? networkReason(error) : `it answers ${status} (${error.name})`
    return new DitsError('store-unreachable', `${cannot}: ${server} does not do it: ${reason}`, {
      hint: 'check that the address is right and that the server is up, then try again',
      cause: error,
    })
  }
  return new DitsError('store-refused', `${cannot}: ${server} refuses it with ${status} (${error.name})`, {
    hint: 'check the region, the address and the quota of the bucket',
    cause: error,
  })
}

/** A promise of S3 is not kept by what answers. */
export function unsuitable(where: Whereabouts, what: string): DitsError {
  return new DitsError('store-unsuitable', `bucket '${where.bucket}' on ${where.endpoint ?? 'S3'} cannot be used: ${what}`, {
    hint: 'use a server with conditional writes (If-None-Match and If-Match), such as Amazon S3, MinIO or Ceph, in a release that has them',
  })
}

/** It was written, or it was not, and what came later hides which. */
export function outcomeUnknown(key: string): DitsError {
  return new DitsError('store-outcome-unknown', `it is not known whether '${key}' was written: the answer was lost, and others have changed it since`, {
    hint: 'look at it, and run the command again where it still is needed',
  })
}

/** Throws `key-too-long` for a name of more bytes than S3 can take. */
export function checkNameLength(key: string, name: string): void {
  if (name.length <= s3NameBytesMax) return
  throw new DitsError('key-too-long', `'${key.slice(0, 64)}…' has ${name.length} bytes, more than the ${s3NameBytesMax} that S3 can store`, {
    hint: 'use a shorter name, such as for the branch or tag',
  })
}

/** Bytes of the name of an object. */
export const s3NameBytesMax = 1024

function networkReason(error: Error): string {
  // The SDK calls a broken connection a timeout as well; the system's code is nearer to the truth.
  if ('code' in error && typeof error.code === 'string' && /^E[A-Z_]+$/.test(error.code)) return error.code
  return error.name === 'AbortError' || error.name === 'TimeoutError' ? 'no answer in time' : error.message
}

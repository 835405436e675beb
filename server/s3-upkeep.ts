import { randomBytes } from 'node:crypto'
import type { S3 } from '@aws-sdk/client-s3'
import type { PutCondition } from '#core'
import type { Attempt } from './s3-attempts.ts'

/** What the trial of a server's conditions needs of the store. */
export interface Trial {
  put(name: string, text: string, condition: PutCondition, quotesETags: boolean): Promise<boolean>
  version(name: string): Promise<string | undefined>
  delete(name: string): Promise<void>
}

/**
 * Tries whether a server holds conditions: one that passes over them would lose
 * refs without a word. Answers whether it wants ETags in quotation marks, as
 * HTTP has them; `undefined` where it does not hold conditions.
 */
export async function checkConditions(start: string, trial: Trial): Promise<boolean | undefined> {
  const name = `${start}tmp/${probePrefix}${randomBytes(9).toString('hex')}`
  try {
    if (!(await trial.put(name, 'first', { if: 'absent' }, true))) return undefined
    if (await trial.put(name, 'second', { if: 'absent' }, true)) return undefined
    const version = await trial.version(name)
    if (version === undefined) return undefined
    for (const quotes of [true, false]) {
      if (!(await trial.put(name, 'third', { if: { version } }, quotes))) continue
      return (await trial.put(name, 'fourth', { if: { version } }, quotes)) ? undefined : quotes
    }
    return undefined
  } finally {
    await trial.delete(name)
  }
}

/** What a sweep needs of the store. */
export interface Sweep {
  s3: S3
  bucket: string
  start: string
  send<T>(work: (attempt: Attempt) => Promise<T>): Promise<T>
}

/** Drops uploads below `start` that were begun, and probes that were written, more than a day before `nowMs`. Answers how many. */
export async function sweepUnfinished(sweep: Sweep, nowMs: number): Promise<number> {
  const before = nowMs - unfinishedAgeMs
  return (await sweepUploads(sweep, before)) + (await sweepProbes(sweep, before))
}

const probePrefix = 'probe-'
const unfinishedAgeMs = 24 * 60 * 60 * 1000

async function sweepUploads({ s3, bucket: Bucket, start, send }: Sweep, beforeMs: number): Promise<number> {
  let dropped = 0
  for (let at: { KeyMarker?: string; UploadIdMarker?: string } = {}; ; ) {
    const page = await send(({ signal }) => s3.listMultipartUploads({ Bucket, Prefix: start, ...at }, { abortSignal: signal }))
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      if (!Key || !UploadId || !Initiated || Initiated.getTime() >= beforeMs) continue
      await send(({ signal }) => s3.abortMultipartUpload({ Bucket, Key, UploadId }, { abortSignal: signal }))
      dropped++
    }
    if (!page.IsTruncated || !page.NextKeyMarker) return dropped
    at = { KeyMarker: page.NextKeyMarker, ...(page.NextUploadIdMarker ? { UploadIdMarker: page.NextUploadIdMarker } : {}) }
  }
}

/** There is at most one for each crash in the instant of opening, so one page is enough at a time. */
async function sweepProbes({ s3, bucket: Bucket, start, send }: Sweep, beforeMs: number): Promise<number> {
  const page = await send(({ signal }) => s3.listObjectsV2({ Bucket, Prefix: `${start}tmp/${probePrefix}` }, { abortSignal: signal }))
  const old = (page.Contents ?? []).filter(({ LastModified }) => LastModified !== undefined && LastModified.getTime() < beforeMs)
  for (const { Key } of old) await send(({ signal }) => s3.deleteObject({ Bucket, Key }, { abortSignal: signal }))
  return old.length
}

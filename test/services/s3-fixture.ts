import { randomBytes } from 'node:crypto'
import { S3 } from '@aws-sdk/client-s3'
import { S3Store, type S3StoreOptions } from '../../server/s3-store.ts'
import type { CephAnswer } from './ceph.ts'
import { useCeph } from './use-ceph.ts'

/** What a store is opened with, in a bucket of its own. */
export async function newBucket(): Promise<S3StoreOptions & CephAnswer> {
  const ceph = await useCeph()
  const bucket = `test-${randomBytes(6).toString('hex')}`
  const s3 = rawS3(ceph)
  await s3.createBucket({ Bucket: bucket })
  s3.destroy()
  const { accessKeyId, secretAccessKey } = ceph
  return { ...ceph, bucket, prefix: '', credentials: { accessKeyId, secretAccessKey }, pauseMs: 5 }
}

/** The SDK's own client, for what dits does not do. */
export function rawS3({ endpoint, accessKeyId, secretAccessKey }: CephAnswer): S3 {
  return new S3({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId, secretAccessKey }, requestChecksumCalculation: 'WHEN_REQUIRED' })
}

/** Opens stores one after another, each empty, all in one bucket; as the contract suites want them. */
export function storeOpener(options: () => S3StoreOptions) {
  let count = 0
  return async () => {
    const mine = { ...options(), prefix: `t${count++}/${'p'.repeat(20)}` }
    const stores: S3Store[] = []
    const reopen = async (): Promise<S3Store> => {
      const store = await S3Store.open(mine)
      stores.push(store)
      return store
    }
    return { store: await reopen(), reopen, keyBytesMax: 1024 - mine.prefix.length - 1, close: async () => stores.forEach((store) => store.close()) }
  }
}

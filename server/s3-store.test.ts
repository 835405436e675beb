import { beforeAll } from 'vitest'
import { byteStoreContract } from '../test/contracts/byte-store.ts'
import { refsContract } from '../test/contracts/refs.ts'
import { newBucket, storeOpener } from '../test/services/s3-fixture.ts'
import { describeWithCeph } from '../test/services/use-ceph.ts'
import type { S3StoreOptions } from './s3-store.ts'

describeWithCeph('over Ceph', () => {
  let options: S3StoreOptions
  beforeAll(async () => {
    options = await newBucket()
  })
  byteStoreContract('S3Store', storeOpener(() => options))
  refsContract('S3Store', storeOpener(() => options))
})

import { S3Store, type S3StoreOptions } from '../../server/s3-store.ts'

/** A process of its own: puts a value of so many MiB as a stream, reads it back by ranges, and prints how its memory grew at most, in MiB. */
const { options, sizeMiB } = JSON.parse(process.argv[2]!) as { options: S3StoreOptions; sizeMiB: number }
const MiB = 1024 * 1024

const store = await S3Store.open(options)
await store.put('first', stream(16))
const before = process.resourceUsage().maxRSS
if (!(await store.put('packs/large', stream(sizeMiB), { if: 'absent' }))) throw new Error('it was there already')
for (let at = 0; at < sizeMiB; at++) {
  const { bytes } = (await store.get('packs/large', { offset: at * MiB, length: MiB }))!
  if (bytes.length !== MiB || bytes.some((byte) => byte !== at % 251)) throw new Error(`MiB ${at} is not what was put`)
}
process.stdout.write(String(Math.round((process.resourceUsage().maxRSS - before) / 1024)))
store.close()

async function* stream(count: number): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(MiB)
  for (let i = 0; i < count; i++) yield piece.fill(i % 251)
}

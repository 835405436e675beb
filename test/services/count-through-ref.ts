import { blake3Text, createRefs, hasCode, type Id } from '#core'
import { S3Store, type S3StoreOptions } from '../../server/s3-store.ts'

/** The id that stands for a count. */
export function idOfCount(count: number): Id {
  return blake3Text(Buffer.from(`count ${count}`)) as Id
}

/** Moves a ref from the id of a count to that of the next, so many times, however many others do the same. Answers how often another was faster. */
export async function countThroughRef(options: S3StoreOptions, name: string, times: number): Promise<number> {
  const store = await S3Store.open(options)
  const refs = createRefs(store)
  const counts = new Map(Array.from({ length: 10_000 }, (_, i) => [idOfCount(i), i]))
  let races = 0
  for (let done = 0; done < times; ) {
    const now = (await refs.read(name))!
    try {
      await refs.move(name, now, idOfCount(counts.get(now)! + 1))
      done++
    } catch (error) {
      if (!hasCode(error, 'ref-moved')) throw error
      races++
    }
  }
  store.close()
  return races
}

/** A process of its own: what to do comes as JSON, the answer goes to standard output. */
if (import.meta.main) {
  const { options, name, times } = JSON.parse(process.argv[2]!) as { options: S3StoreOptions; name: string; times: number }
  process.stdout.write(String(await countThroughRef(options, name, times)))
}

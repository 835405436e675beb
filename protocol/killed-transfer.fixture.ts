import { DiskStore, PackedObjects } from '#core'
import { fetchCommits } from './fetch.ts'
import { push } from './push.ts'
import { MemoryServer, openSession } from './sync.fixture.ts'
import { Synthetic, reachOf } from './synthetic.fixture.ts'

/**
 * `node killed-transfer.fixture.ts push|fetch FOLDER`: transfers the same
 * history of 240 MB into the store in FOLDER, and says how far it is, until
 * somebody kills it.
 */
const [mode, folder] = process.argv.slice(2)
const synthetic = await Synthetic.create({ chunkBytes: 16_000 })
const files = new Map<string, readonly number[]>()
for (let file = 0; file < 15; file++) files.set(`clip-${file}.mov`, Array.from({ length: 1000 }, (_, i) => file * 1000 + i))
const id = synthetic.commit(synthetic.tree(files))
await synthetic.flush()
let total = 0
for (const found of (await synthetic.reach([id])).keys()) total += 48 + (await synthetic.objects.packs.locate(found))!.stored
say('total', total)

const store = await DiskStore.open(folder!)
const objects = await PackedObjects.open(store)
let sessions = 0
const newSessionName = () => `run-${process.pid}-${sessions++}`
const onProgress = ({ bytes }: { bytes: number }) => say('bytes', bytes)
if (mode === 'push') {
  const server = new MemoryServer(store)
  const open = server.open.bind(server)
  server.open = async () => ({ ...(await open()), newSessionName })
  const session = await openSession(server.connect())
  await push(session, synthetic.objects, await session.refs(), [{ name: 'refs/heads/main', before: undefined, after: id }], { onProgress })
  await session.close()
} else {
  const session = await openSession(new MemoryServer(synthetic.store).connect())
  await session.refs()
  await fetchCommits(session, { store, objects, newSessionName }, { commits: [id] }, { haves: [], onProgress })
  await session.close()
}
await objects.packs.refresh()
for (const [found, kind] of await reachOf(objects, [id])) await objects.read(kind, found)
say('done', 1)
await store.close()

function say(what: string, value: number): void {
  process.stdout.write(`${what} ${value}\n`)
}

import { pathToFileURL } from 'node:url'
import type { Id } from '#core'
import { fetchCommits } from '../protocol/fetch.ts'
import { push } from '../protocol/push.ts'
import { MemoryServer, openSession } from '../protocol/sync.fixture.ts'
import { Synthetic } from '../protocol/synthetic.fixture.ts'

/**
 * What it costs to find out what a push and a fetch have to send: bytes beside
 * the objects' records, rounds after the greeting, and seconds, for
 * repositories of several sizes and the same edits. Run:
 * `node bench/negotiation.ts [CHUNKS…]`. It fails where a push takes more than
 * 64 KB or four rounds.
 */

const bytesMax = 64 * 1024
const roundsMax = 4
/** Chunks in one file: a tenth of the files hold most of the chunks, as with media. */
const largeFileChunks = 2000
const smallFileChunks = 2

interface Row {
  chunks: number
  what: string
  negotiation: number
  rounds: number
  sent: number
  seconds: number
}

async function main(): Promise<void> {
  const sizes = process.argv.slice(2).map(Number)
  console.log('chunks     transfer               negotiation bytes  rounds  record bytes  seconds')
  let isOver = false
  for (const chunks of sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000]) {
    for (const row of await measure(chunks)) {
      console.log(`${String(row.chunks).padStart(8)}  ${row.what.padEnd(22)} ${String(row.negotiation).padStart(17)} ${String(row.rounds).padStart(7)} ${String(row.sent).padStart(13)} ${row.seconds.toFixed(2).padStart(8)}`)
      isOver ||= row.negotiation > bytesMax || row.rounds > roundsMax
    }
  }
  if (isOver) process.exitCode = 1
}

async function measure(chunks: number): Promise<Row[]> {
  const local = await Synthetic.create()
  const server = new MemoryServer()
  const clone = await Synthetic.create()
  const rows: Row[] = []
  let next = chunks
  const files = initialFiles(chunks)
  let tip = local.commit(local.tree(files))
  await local.flush()
  await pushTo(server, local, tip)
  await fetchFrom(server, clone, tip, [])
  const edits: [string, () => void][] = [
    ['one small edit', () => {
      const large = files.get('clips/0000.mov')!
      files.set('clips/0000.mov', [...large.slice(0, 1000), next++, next++, ...large.slice(1001)])
    }],
    ['a moved folder', () => move(files, 'frames/', 'final/frames/')],
    ['moved and edited', () => {
      move(files, 'final/frames/', 'done/')
      files.set('done/000000.exr', [next++, next++])
    }],
  ]
  for (const [what, edit] of edits) {
    const before = tip
    edit()
    tip = local.commit(local.tree(files), [before])
    await local.flush()
    rows.push({ chunks, what: `push, ${what}`, ...(await pushTo(server, local, tip)) })
    rows.push({ chunks, what: `fetch, ${what}`, ...(await fetchFrom(server, clone, tip, [before])) })
  }
  return rows
}

function initialFiles(chunks: number): Map<string, readonly number[]> {
  const files = new Map<string, readonly number[]>()
  const large = Math.max(1, Math.floor((chunks * 0.9) / largeFileChunks))
  let next = 0
  const fresh = (count: number) => Array.from({ length: count }, () => next++)
  for (let i = 0; i < large; i++) files.set(`clips/${String(i).padStart(4, '0')}.mov`, fresh(largeFileChunks))
  for (let i = 0; next < chunks; i++) files.set(`frames/${String(i).padStart(6, '0')}.exr`, fresh(smallFileChunks))
  return files
}

function move(files: Map<string, readonly number[]>, from: string, to: string): void {
  for (const [path, chunks] of [...files]) {
    if (!path.startsWith(from)) continue
    files.delete(path)
    files.set(to + path.slice(from.length), chunks)
  }
}

async function pushTo(server: MemoryServer, local: Synthetic, tip: Id): Promise<Omit<Row, 'chunks' | 'what'>> {
  const start = performance.now()
  const session = await openSession(server.connect())
  const before = await server.ref('refs/heads/main')
  const { bytesSent, results } = await push(session, local.objects, await session.refs(), [{ name: 'refs/heads/main', before, after: tip }])
  if (results[0]?.code !== '') throw new Error(`the push failed: ${results[0]?.message}`)
  const { bytesIn, bytesOut, rounds } = session.counts
  const row = { negotiation: bytesIn + bytesOut - bytesSent, rounds: rounds - 1, sent: bytesSent, seconds: (performance.now() - start) / 1000 }
  await session.close()
  return row
}

async function fetchFrom(server: MemoryServer, clone: Synthetic, tip: Id, haves: Id[]): Promise<Omit<Row, 'chunks' | 'what'>> {
  const start = performance.now()
  const session = await openSession(server.connect())
  await session.refs()
  let sessions = 0
  const target = { store: clone.store, objects: clone.objects, newSessionName: () => `fetched-${tip.slice(0, 8)}-${sessions++}` }
  const { bytes } = await fetchCommits(session, target, { commits: [tip] }, { haves })
  const { bytesIn, bytesOut, rounds } = session.counts
  const row = { negotiation: bytesIn + bytesOut - bytes, rounds: rounds - 1, sent: bytes, seconds: (performance.now() - start) / 1000 }
  await session.close()
  return row
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()

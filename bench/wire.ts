/**
 * Pushing and cloning through a server on this machine, beside raw TLS over
 * TCP: `node bench/wire.ts`. Every command runs as users run it, through the
 * launcher, in processes of its own.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { makeGhostProject } from './ghost-project.ts'
import { makeLargeTree } from './material.ts'
import { launcher, launcherVariables, runMeasured, withScratch, type Cost } from './measure.ts'
import { readOptions } from './options.ts'
import { rawTlsSpeed } from './raw-tls.ts'
import { printReport, type Row } from './report.ts'

const usage = `usage: node bench/wire.ts [--size 2G] [--seed 1] [--json] [--scratch FOLDER]

Pushes and clones new media of --size, and clones a project of 100,000 files and 1 TB without its content.`

const options = readOptions(usage, { rounds: 1, sizes: '2G' })
const bytes = options.sizes[0]!

await withScratch(options.scratch, async (scratch) => {
  const variables = { ...launcherVariables, HOME: scratch, XDG_CONFIG_HOME: path.join(scratch, 'config') }
  const rows: Row[] = []
  const server = await startServer(path.join(scratch, 'server'), variables)
  const project = path.join(scratch, 'project')
  try {
    const env = { ...variables, DITS_TOKEN: server.token }
    const dits = (folder: string, args: string[]) => run(folder, args, env)
    await makeLargeTree(project, bytes, options.seed)
    for (const args of [['init'], ['add', '.'], ['commit', '-m', 'new'], ['remote', 'add', 'origin', `${server.url}/bench/media`]]) dits(project, args)
    const tls = await rawTlsSpeed(bytes)
    rows.push({ what: 'raw TLS over TCP', seconds: bytes / 1e6 / tls, speed: tls, ofTls: 1 })
    const pushed = dits(project, ['push', 'origin', 'main', '--json'])
    rows.push(rowOf('push', pushed, tls, storedBytes(pushed.last)))
    const cloned = dits(scratch, ['clone', `${server.url}/bench/media`, 'clone', '--no-checkout', '--json'])
    rows.push(rowOf('clone, without writing the files', cloned, tls, storedBytes(pushed.last)))
    const files = dits(path.join(scratch, 'clone'), ['reset', '--hard', 'HEAD'])
    rows.push({ what: 'writing the files', seconds: files.cost.wallMs / 1000 })
    dits(scratch, ['server', 'repo', 'create', 'bench/ghosts', '--data', path.join(scratch, 'server')])
    await makeGhostProject(path.join(scratch, 'server', 'repos', 'bench', 'ghosts.dits'), { files: 100_000, bytes: 1e12 })
    const ghosts = dits(scratch, ['clone', '--filter=none', `${server.url}/bench/ghosts`, 'ghosts', '--json'])
    rows.push(rowOf('clone --filter=none of 100,000 files, 1 TB', ghosts, tls, 0))
  } finally {
    server.stop()
  }
  const columns = [
    { key: 'what', label: 'what' },
    { key: 'seconds', label: 's', digits: 2 },
    { key: 'cpuSeconds', label: 'CPU s of dits', digits: 2 },
    { key: 'speed', label: 'MB/s' },
    { key: 'ofTls', label: 'x TLS', digits: 2 },
    { key: 'wireMB', label: 'MB on the wire', digits: 1 },
    { key: 'ofStored', label: 'x stored', digits: 3 },
    { key: 'peakMB', label: 'peak MB' },
  ]
  printReport({ title: `The wire, ${bytes / 1e6} MB of new media`, columns, rows }, options.json)
})

interface Ran {
  cost: Cost
  /** The last line of output, as JSON. */
  last: Record<string, number>
}

function run(folder: string, args: string[], variables: Record<string, string>): Ran {
  mkdirSync(folder, { recursive: true })
  let output = ''
  const cost = runMeasured(launcher, args, { folder, variables, onOutput: (text) => (output = text) })
  const line = output.trim().split('\n').at(-1) ?? ''
  return { cost, last: line.startsWith('{') ? (JSON.parse(line) as Record<string, number>) : {} }
}

/** Bytes of what was new, as it is stored. */
function storedBytes(push: Record<string, number>): number {
  return push['bytesSent'] ?? 0
}

function rowOf(what: string, { cost, last }: Ran, tls: number, stored: number): Row {
  const wire = (last['wireOut'] ?? last['bytesSent'] ?? 0) + (last['wireIn'] ?? last['bytesReceived'] ?? 0)
  const speed = wire / 1e3 / cost.wallMs
  return {
    what,
    seconds: cost.wallMs / 1000,
    ...(cost.userMs !== undefined && { cpuSeconds: (cost.userMs + cost.systemMs!) / 1000 }),
    speed,
    ofTls: speed / tls,
    wireMB: wire / 1e6,
    ...(stored > 0 && { ofStored: wire / stored }),
    ...(cost.peakBytes !== undefined && { peakMB: cost.peakBytes / 1e6 }),
  }
}

async function startServer(data: string, variables: Record<string, string>): Promise<{ url: string; token: string; stop(): void }> {
  const child = spawn(launcher, ['serve', '--data', data, '--listen', '127.0.0.1:0', '--json', '--quiet'], {
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { url, token } = JSON.parse(line) as { url: string; token: string }
  return { url, token, stop: () => void child.kill() }
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { DemoFailure } from './failure.ts'

/** A dits server that runs for the demo. */
export interface DemoServer {
  url: string
  fingerprint: string
  /** The token of its administrator. */
  token: string
  /** Ends it, and resolves when it has ended. It ends with the demo in any case. */
  stop(): Promise<void>
}

/** Starts `dits serve` on a free port of this machine. Throws a DemoFailure where it does not come up. */
export async function startDemoServer(launcher: string, options: { data: string; cwd: string; env: NodeJS.ProcessEnv }): Promise<DemoServer> {
  const { data, cwd, env } = options
  const child = spawn(launcher, ['serve', '--json', '--quiet', '--data', data, '--listen', '127.0.0.1:0'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const end = () => void child.kill()
  process.once('exit', end)
  const ended = once(child, 'close')
  let printed = ''
  let complaint = ''
  child.stderr.on('data', (piece: Buffer) => (complaint = (complaint + piece.toString()).slice(-4096)))
  child.stdout.on('data', (piece: Buffer) => (printed += piece.toString()))
  while (!printed.includes('\n')) {
    await Promise.race([once(child.stdout, 'data'), ended])
    if (child.exitCode !== null || child.signalCode !== null) throw new DemoFailure(`'dits serve' ended with ${child.exitCode ?? child.signalCode}\n${printed}${complaint}`.trim())
  }
  const { url, fingerprint, token } = JSON.parse(printed.split('\n', 1)[0]!) as DemoServer
  return {
    url,
    fingerprint,
    token,
    stop: async () => {
      process.removeListener('exit', end)
      end()
      await ended
    },
  }
}

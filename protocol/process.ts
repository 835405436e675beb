import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { FramedStream } from './framed-stream.ts'
import { connectionFailed, connectionLost, type ByteStream, type Connection } from './transport.ts'

export interface ProcessOptions {
  /** What `Connection.transport` says: 'ssh'. */
  transport: string
  /** Names the other side for people, such as 'ssh://host/path'. */
  subject: string
  cwd?: string
  /** The child's whole environment; this process's where it is absent. */
  env?: Record<string, string | undefined>
  /** Closes the connection. */
  signal?: AbortSignal
}

/** What is kept of what a child says on its standard error. */
const complaintBytesMax = 4096
/** How long a child may take to exit once its stream is over. */
const exitMs = 2000

/**
 * A connection whose streams are one child process each, through its standard
 * input and output; `stdioStream` is the far end. Where a stream fails, its
 * message says how the child ended and what it last wrote to its standard
 * error. `openStream` throws `connection-failed` where the program cannot be
 * started.
 */
export function connectProcess(command: string, args: readonly string[], options: ProcessOptions): Connection {
  const { subject, signal } = options
  const open = new Map<FramedStream, Promise<void>>()
  let isClosed = false
  const connection: Connection = {
    transport: options.transport,
    openStream: async () => {
      if (isClosed) throw connectionLost(subject, 'it was closed')
      const { stream, exited } = await start(command, args, options)
      open.set(stream, exited)
      void exited.then(() => open.delete(stream))
      if (isClosed) stream.abort(new Error('the connection was closed'))
      return stream
    },
    close: async () => {
      isClosed = true
      signal?.removeEventListener('abort', onAbort)
      for (const stream of open.keys()) stream.abort(new Error('the connection was closed'))
      await Promise.all(open.values())
    },
  }
  const onAbort = () => void connection.close()
  signal?.addEventListener('abort', onAbort)
  return connection
}

/** The far end of a stream of `connectProcess`: `source` is the standard input, `sink` the standard output. */
export function stdioStream(source: Readable, sink: Writable): ByteStream {
  return new FramedStream(source, sink, 'standard input and output')
}

/**
 * `stdioStream` over this process's own pipes. Node writes to pipes in
 * `process.stdout` synchronously, so that a client who does not read would
 * stop everything here; a socket on the same descriptor does not.
 */
export function ownStdioStream(): ByteStream {
  return stdioStream(process.stdin, new Socket({ fd: 1, readable: false, writable: true }))
}

async function start(command: string, args: readonly string[], { subject, cwd, env }: ProcessOptions): Promise<{ stream: FramedStream; exited: Promise<void> }> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], cwd, env: env as NodeJS.ProcessEnv | undefined })
  const complaint = collectComplaint(child.stderr)
  const outcome = once(child, 'close') as Promise<[number | null, string | null]>
  outcome.catch(() => {})
  await once(child, 'spawn').catch((cause: Error) => {
    throw connectionFailed(subject, `'${command}' cannot be started`, { cause, hint: `is '${command}' installed?` })
  })
  const explainLoss = async () => {
    // It closed its output, so it is of no more use; only at its end is it known how it ended.
    endSoon(child)
    const [code, signal] = await outcome
    const how = code === null ? `'${command}' was ended by ${signal}` : `'${command}' ended with exit code ${code}`
    return [how, complaint()].filter(Boolean).join(': ')
  }
  const stream = new FramedStream(child.stdout, child.stdin, subject, explainLoss)
  void stream.over.then(() => endSoon(child))
  return { stream, exited: outcome.then(() => {}) }
}

/** Ends a child that does not do so by itself now that nobody listens to it. */
function endSoon(child: ChildProcessByStdio<Writable, Readable, Readable>): void {
  child.stdin.end()
  const timer = setTimeout(() => child.kill('SIGKILL'), exitMs)
  child.once('close', () => clearTimeout(timer))
  if (child.exitCode !== null || child.signalCode !== null) clearTimeout(timer)
}

/** The last of what comes, in one line without control characters. */
function collectComplaint(source: Readable): () => string {
  let last = Buffer.alloc(0)
  source.on('data', (bytes: Buffer) => (last = Buffer.concat([last, bytes]).subarray(-complaintBytesMax)))
  return () => last.toString().replace(/\p{Cc}+/gu, ' ').trim()
}

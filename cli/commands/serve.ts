import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Role } from '../../protocol/host.ts'
import type { RunningServer, ServerOptions } from '../../server/main.ts'
import { UsageError } from '../arguments.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { isLoopback, parseListenAddress } from '../listen-address.ts'
import { OutputClosed } from '../output.ts'
import { parseDuration } from '../parse-duration.ts'
import { dataOption, serverClock, serverDataOf } from '../server-data.ts'
import { readVersion } from '../version.ts'

const defaultPort = 3487
const metricsPort = 9487

interface ServeArguments {
  data?: string | undefined
  listen: string
  cert?: string | undefined
  key?: string | undefined
  'tls-folder'?: string | undefined
  tls: boolean
  'behind-proxy': boolean
  metrics?: string | undefined
  'auto-create': string
  grace: string
  log?: string | undefined
  stdio?: string | undefined
}

export const command: Command<ServeArguments> = {
  name: 'serve',
  group: 'share',
  summary: 'Serve repositories to others',
  usage: ['serve [--data FOLDER] [--listen ADDRESS]', 'serve --stdio PATH'],
  description: `One process serves all repositories of a data folder, or of an S3 bucket. Without options
it listens on this machine only, at port ${defaultPort}. Its first start makes a user 'admin' and
prints that user's token, this one time. Users, tokens and repositories are then made with
'dits server', also while it runs; who has the role admin everywhere can also make a
repository by pushing to a new name.

It makes a certificate of its own, whose fingerprint it prints and clients remember at
first use; --cert and --key give another. The log goes to standard error. At SIGTERM or
SIGINT it takes nothing new, finishes what runs, and ends with 0; a second one ends it at
once. With --stdio it serves the repository of one folder, once, over standard input and
output: that is what ssh:// addresses start at the far end. With --json: a line
{url, fingerprint, metrics, user, token} when it listens.`,
  examples: [
    ['serve --data /srv/dits --listen 0.0.0.0:3487', 'serves a team'],
    ['serve --data s3://media/dits --tls-folder /etc/dits', 'keeps everything in a bucket; several may share it'],
  ],
  options: (yargs) =>
    yargs
      .option('data', dataOption)
      .option('listen', { type: 'string', default: `127.0.0.1:${defaultPort}`, describe: 'HOST:PORT; 0.0.0.0:PORT for all of IPv4, :PORT for all' })
      .option('cert', { type: 'string', describe: 'a certificate (PEM) instead of one of its own' })
      .option('key', { type: 'string', describe: 'the key of --cert (PEM)' })
      .option('tls-folder', { type: 'string', describe: 'where its own certificate is kept (default: in the data folder)' })
      .option('tls', { type: 'boolean', default: true, describe: '--no-tls: without encryption; on this machine only, or --behind-proxy' })
      .option('behind-proxy', { type: 'boolean', default: false, describe: 'all clients come through a proxy, which encrypts where there is --no-tls' })
      .option('metrics', { type: 'string', describe: `serve figures for Prometheus at this address, in plain HTTP (port ${metricsPort})` })
      .option('auto-create', { type: 'string', default: 'admin', choices: ['admin', 'write', 'never'], describe: 'who may make a repository by pushing to it' })
      .option('grace', { type: 'string', default: '30s', describe: 'how long running transfers may take to finish at the end' })
      .option('stdio', { type: 'string', describe: 'serve the repository of this folder over standard input and output' })
      .option('log', { type: 'string', choices: ['json', 'readable'], describe: 'how the log is written (default: readable on a terminal)' }),

  async run(context, args) {
    if (args.stdio !== undefined) return serveStdio(context, args.stdio)
    const { startServer } = await import('../../server/main.ts')
    const server = await startServer(await readOptions(context, args))
    try {
      announce(context, server, args)
      await interruption(context.signal)
    } finally {
      await server.stop()
    }
  },
}

/** Serves one stream; who may start this may do what its user may. */
async function serveStdio(context: Context, path: string): Promise<void> {
  const [{ folderHandler }, { ownStdioStream }] = await Promise.all([import('../serve-folder.ts'), import('../../protocol/process.ts')])
  const serve = await folderHandler(context, path)
  await serve(ownStdioStream(), { address: 'standard input', transport: 'stdio' })
}

async function readOptions(context: Context, args: ServeArguments): Promise<ServerOptions> {
  const { createLog } = await import('../../server/log.ts')
  const listen = parseListenAddress(args.listen, '--listen', defaultPort)
  if (!args.tls && !args['behind-proxy'] && !isLoopback(listen.host)) {
    throw new UsageError(`--no-tls would send tokens and files across the network for all to read`, 'listen on 127.0.0.1; or, where a proxy in front encrypts, add --behind-proxy')
  }
  return {
    data: serverDataOf(context, args.data),
    listen,
    tls: await readKeys(args),
    metrics: args.metrics === undefined ? undefined : parseListenAddress(args.metrics, '--metrics', metricsPort),
    behindProxy: args['behind-proxy'],
    autoCreate: args['auto-create'] === 'never' ? undefined : (args['auto-create'] as Role),
    graceMs: parseDuration(args.grace, '--grace'),
    clock: serverClock(context),
    wait: (ms) => delay(ms),
    version: readVersion(),
    log: createLog({
      write: (line) => writeLog(context, line),
      format: args.log === 'json' || (args.log === undefined && !context.stderr.isTerminal) ? 'json' : 'readable',
      level: context.verbose ? 'debug' : context.quiet ? 'warn' : 'info',
      now: context.environment.now,
    }),
  }
}

async function readKeys(args: ServeArguments): Promise<ServerOptions['tls']> {
  if (!args.tls) return 'none'
  if (args.cert === undefined && args.key === undefined) return { ownIn: args['tls-folder'] }
  if (args.cert === undefined || args.key === undefined) throw new UsageError('--cert and --key go together')
  return { cert: await readFile(args.cert), key: await readFile(args.key) }
}

/** A server goes on where nobody reads its log any more. */
function writeLog({ stderr }: Context, line: string): void {
  try {
    stderr.write(line)
    stderr.flush()
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error
  }
}

function announce(context: Context, server: RunningServer, args: ServeArguments): void {
  const { url, fingerprint, metricsUrl, firstToken } = server
  const { stdout } = context
  if (context.json) {
    stdout.json({ url, fingerprint: fingerprint ?? null, metrics: metricsUrl ?? null, user: firstToken?.user ?? null, token: firstToken?.secret ?? null })
  } else {
    stdout.line(`Serving ${serverDataOf(context, args.data)} at ${url}`)
    if (fingerprint !== undefined) stdout.line(`Certificate (SHA-256): ${fingerprint}`)
    if (metricsUrl !== undefined) stdout.line(`Metrics: ${metricsUrl}`)
    if (firstToken) announceToken(context, url, firstToken)
  }
  stdout.flush()
}

function announceToken({ stdout }: Context, url: string, { user, secret }: { user: string; secret: string }): void {
  stdout.line(`\nThere was no user yet, so here is '${user}', who may do everything. The token is shown only now:`)
  stdout.line(`  ${secret}`)
  stdout.line('On the machine of the administrator, enter it at:')
  stdout.line(`  dits login ${url}`)
  // What `urlOf` calls a server that listens on all addresses: a name that leads here from here only.
  if (new URL(url).hostname === 'localhost') stdout.line(`From elsewhere, write the name of this machine instead of 'localhost'.`)
}

async function interruption(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}

import { UsageError } from '../arguments.ts'
import { askSecret, readFirstLine } from '../ask-secret.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { keepToken } from '../credentials.ts'
import { isLoopback } from '../listen-address.ts'
import { certificateCheck, forgetServer, readFingerprint } from '../known-servers.ts'
import { serverOrigin } from '../server-url.ts'

interface LoginArguments {
  url: string
  token?: string | undefined
  fingerprint?: string | undefined
  'forget-fingerprint': boolean
}

export const command: Command<LoginArguments> = {
  name: 'login',
  group: 'share',
  summary: 'Keep a token for a server',
  usage: ['login URL [--token -]'],
  positionals: '<url>',
  description: `Asks for the token (or reads it from standard input, with --token -), tries it, and keeps
it in ~/.config/dits/credentials, where only you can read it. DITS_TOKEN, where it is set,
goes before it.

A server's own certificate is remembered when it is first seen, and the server must show
the same one from then on. To be sure at the first time, give the fingerprint that
'dits serve' printed. With --json: {server, user, role, repository}.`,
  examples: [['login https://dits.example.org:3487', 'asks for the token and keeps it']],
  options: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'the server, such as https://host:3487' })
      .option('token', { type: 'string', describe: "the token; '-' reads it from standard input" })
      .option('fingerprint', { type: 'string', describe: 'the SHA-256 of the certificate that the server is to show' })
      .option('forget-fingerprint', { type: 'boolean', default: false, describe: 'forget which certificate it showed before' }),

  async run(context, args) {
    const origin = serverOrigin(args.url)
    const { protocol, hostname } = new URL(origin)
    const named = args.fingerprint === undefined ? undefined : readFingerprint(args.fingerprint)
    if (named !== undefined && protocol === 'http:') throw new UsageError(`'${origin}' is not encrypted, so it shows no certificate`, 'leave --fingerprint out, or write https://')
    if (args['forget-fingerprint']) await forgetServer(context, origin)
    if (protocol === 'http:' && !isLoopback(hostname)) context.warn(`what you send to '${origin}', your token too, is not encrypted`)
    const token = await readToken(context, args.token, origin)
    const { whoAmI } = await import('../ask-server.ts')
    const { user, role, repository } = await whoAmI(context, origin, token, certificateCheck(context, origin, { named }))
    await keepToken(context, origin, token)
    if (context.json) return context.stdout.json({ server: origin, user, role: role ?? null, repository: repository ?? null })
    if (!context.quiet) context.stdout.line(`Logged in to ${origin} as '${user}'${repository === undefined ? '' : `, for '${repository}' only`}`)
  },
}

async function readToken(context: Context, given: string | undefined, origin: string): Promise<string> {
  const token = given === '-' ? await readFirstLine(context) : (given ?? (await askSecret(context, `Token for ${origin}: `)))
  if (/^[\x21-\x7e]{1,1024}$/.test(token)) return token
  throw new UsageError('what was given is no token', "a token looks like dits_… and is printed by 'dits server token create'")
}

import { UsageError } from '../arguments.ts'
import { askSecret, readFirstLine } from '../ask-secret.ts'
import { askYes } from '../ask-yes.ts'
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

A server's own certificate is shown when it is first seen, and you are asked whether it is
the one that 'dits serve' printed, before the token is asked for or sent; from then on the
server must show the same one. Without a terminal nobody can be asked: what is first seen
is remembered, with a warning. Give --fingerprint there; then nothing else is accepted.
With --json: {server, user, role, repository}.`,
  examples: [['login https://dits.example.org:3487', 'asks for the token and keeps it']],
  options: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'the server, such as https://host:3487' })
      .option('token', { type: 'string', describe: "the token; '-' reads it from standard input" })
      .option('fingerprint', { type: 'string', describe: 'the SHA-256 of the certificate that the server is to show' })
      .option('forget-fingerprint', { type: 'boolean', default: false, describe: 'forget which certificate it showed before' }),

  async run(context, args) {
    const origin = serverOrigin(args.url)
    const isTerminal = process.stdin.isTTY === true
    if (args.token === undefined && !isTerminal) throw new UsageError('there is no terminal to ask for the token at', 'pipe it in with: --token -')
    const { protocol, hostname } = new URL(origin)
    const named = args.fingerprint === undefined ? undefined : readFingerprint(args.fingerprint)
    if (named !== undefined && protocol === 'http:') throw new UsageError(`'${origin}' is not encrypted, so it shows no certificate`, 'leave --fingerprint out, or write https://')
    if (args['forget-fingerprint']) await forgetServer(context, origin)
    if (protocol === 'http:' && !isLoopback(hostname)) context.warn(`what you send to '${origin}', your token too, is not encrypted`)
    const { meetServer, whoAmI } = await import('../ask-server.ts')
    const mayRemember = isTerminal ? (fingerprint: string) => askAboutServer(context, origin, fingerprint) : undefined
    await meetServer(context, origin, certificateCheck(context, origin, { named, mayRemember }))
    const token = await readToken(context, args.token, origin)
    // What was not there a moment ago is not met for the first time now.
    const { user, role, repository } = await whoAmI(context, origin, token, certificateCheck(context, origin, { mayRemember: async () => false }))
    await keepToken(context, origin, token)
    if (context.json) return context.stdout.json({ server: origin, user, role: role ?? null, repository: repository ?? null })
    if (!context.quiet) context.stdout.line(`Logged in to ${origin} as '${user}'${repository === undefined ? '' : `, for '${repository}' only`}`)
  },
}

async function askAboutServer(context: Context, origin: string, fingerprint: string): Promise<boolean> {
  context.stderr.line(`'${origin}' shows a certificate that no authority vouches for:`)
  context.stderr.line(`  SHA-256 ${fingerprint}`)
  return askYes(context, "Is that what 'dits serve' printed there?")
}

async function readToken(context: Context, given: string | undefined, origin: string): Promise<string> {
  const token = given === '-' ? await readFirstLine(context) : (given ?? (await askSecret(context, `Token for ${origin}: `)))
  if (/^[\x21-\x7e]{1,1024}$/.test(token)) return token
  throw new UsageError('what was given is no token', "a token looks like dits_… and is printed by 'dits server token create'")
}

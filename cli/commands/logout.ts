import type { Command } from '../command.ts'
import { forgetToken } from '../credentials.ts'
import { serverOrigin } from '../server-url.ts'

export const command: Command<{ url: string }> = {
  name: 'logout',
  group: 'share',
  summary: 'Forget the token for a server',
  usage: ['logout URL'],
  positionals: '<url>',
  description: `The token is good for whoever else has it; to end that, revoke it on the server. Ends with 1
where there was none. With --json: {server, removed}.`,
  options: (yargs) => yargs.positional('url', { type: 'string', demandOption: true, describe: 'the server, such as https://host:3487' }),

  async run(context, { url }) {
    const server = serverOrigin(url)
    const removed = await forgetToken(context, url)
    if (context.json) context.stdout.json({ server, removed })
    else if (!context.quiet) context.stdout.line(removed ? `Logged out of ${server}` : `There is no token for ${server}`)
    return removed ? 0 : 1
  },
}

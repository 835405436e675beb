import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isErrno } from '../core/errors.ts'
import type { Context } from './context.ts'
import { changePrivateLines, readPrivateLines } from './private-file.ts'
import { serverOrigin } from './server-url.ts'

/**
 * The token for the server of a URL: DITS_TOKEN where it is set, else what
 * `dits login` kept; `undefined` where there is none. Throws `bad-url`,
 * `private-file-damaged`.
 */
export async function tokenFor(context: Context, url: string): Promise<string | undefined> {
  const origin = serverOrigin(url)
  const fromVariables = context.environment.variables['DITS_TOKEN']
  if (fromVariables) return fromVariables.trim()
  const file = fileOf(context)
  const token = (await readPrivateLines(file)).get(origin)
  if (token !== undefined) await warnIfOpen(context, file)
  return token
}

/** Keeps a token for the server of a URL, in place of the one before. Throws `bad-url`. */
export async function keepToken(context: Context, url: string, token: string): Promise<void> {
  const origin = serverOrigin(url)
  await changePrivateLines(fileOf(context), (tokens) => tokens.set(origin, token))
}

/** Forgets the token for the server of a URL. False where there was none. */
export async function forgetToken(context: Context, url: string): Promise<boolean> {
  const origin = serverOrigin(url)
  return changePrivateLines(fileOf(context), (tokens) => tokens.delete(origin))
}

function fileOf({ environment }: Context): string {
  return join(dirname(environment.configFile), 'credentials')
}

async function warnIfOpen(context: Context, file: string): Promise<void> {
  try {
    if (process.platform !== 'win32' && ((await stat(file)).mode & 0o077) !== 0) context.warn(`others may read your tokens; run: chmod 600 ${file}`)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
}

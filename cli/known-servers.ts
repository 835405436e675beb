import { dirname, join } from 'node:path'
import { DitsError } from '../core/errors.ts'
import type { Context } from './context.ts'
import { changePrivateLines, readPrivateLines } from './private-file.ts'
import { serverOrigin } from './server-url.ts'

/**
 * What decides about the certificate of a URL's server, by its SHA-256 (64 hex
 * digits) and whether an authority vouches for it. Where a person named one
 * (`named`, as `readFingerprint` gives it), the server must show that, and
 * only then it is remembered, in place of the one before. Otherwise a
 * certificate that nobody vouches for is remembered when it is first seen,
 * with a word to the person; from then on the server must show that one. One
 * that an authority vouches for is not remembered, because such are renewed
 * every few weeks. Throws `server-changed` and `certificate-refused`.
 */
export function certificateCheck(context: Context, url: string, { named }: { named?: string | undefined } = {}): (fingerprint: string, isTrusted: boolean) => Promise<boolean> {
  const origin = serverOrigin(url)
  return async (fingerprint, isTrusted) => {
    if (named !== undefined) {
      if (named !== fingerprint) throw notTheNamed(origin, named, fingerprint)
      await changePrivateLines(fileOf(context), (servers) => servers.set(origin, fingerprint))
      return true
    }
    const known = (await readPrivateLines(fileOf(context))).get(origin)
    if (known !== undefined) return matches(origin, known, fingerprint)
    if (isTrusted) return true
    // Of two processes that meet the server for the first time, the second holds to what the first one saw.
    const kept = await changePrivateLines(fileOf(context), (servers) => servers.get(origin) ?? servers.set(origin, fingerprint).get(origin)!)
    matches(origin, kept, fingerprint)
    context.warn(`'${origin}' shows a certificate that no authority vouches for; it is remembered from now on\n  SHA-256 ${fingerprint}\n  compare it with what 'dits serve' printed there`)
    return true
  }
}

/** The certificate that a URL's server is known by; `undefined` where none is remembered. */
export async function knownFingerprint(context: Context, url: string): Promise<string | undefined> {
  return (await readPrivateLines(fileOf(context))).get(serverOrigin(url))
}

/** The SHA-256 of a certificate as a person typed it, with or without colons, as 64 hex digits. Throws `bad-fingerprint`. */
export function readFingerprint(text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(digits)) return digits
  throw new DitsError('bad-fingerprint', `'${text}' is not the SHA-256 of a certificate`, { hint: "give the 64 hex digits that 'dits serve' prints" })
}

/** Forgets the certificate of a URL's server, so that the next one it shows counts as the first. False where none was remembered. */
export async function forgetServer(context: Context, url: string): Promise<boolean> {
  const origin = serverOrigin(url)
  return changePrivateLines(fileOf(context), (servers) => servers.delete(origin))
}

function matches(origin: string, known: string, shown: string): boolean {
  if (known === shown) return true
  throw new DitsError('server-changed', `'${origin}' shows another certificate than before`, {
    hint: [
      `before: ${known}`,
      `now:    ${shown}`,
      'somebody may be listening in; ask who runs the server whether its certificate was changed',
      `if it was, run: dits login ${origin} --fingerprint ${shown}`,
      `if an authority vouches for the new one, run: dits login ${origin} --forget-fingerprint`,
    ].join('\n'),
  })
}

function notTheNamed(origin: string, named: string, shown: string): DitsError {
  return new DitsError('certificate-refused', `'${origin}' shows a certificate that is not the one you named`, {
    hint: [
      `named: ${named}`,
      `shown: ${shown}`,
      "compare what you typed with what 'dits serve' printed there; if that is not what is shown, somebody may be listening in",
    ].join('\n'),
  })
}

function fileOf({ environment }: Context): string {
  return join(dirname(environment.configFile), 'known-servers')
}

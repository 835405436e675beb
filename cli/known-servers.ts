import { dirname, join } from 'node:path'
import { DitsError } from '../core/errors.ts'
import type { Context } from './context.ts'
import { changePrivateLines, readPrivateLines } from './private-file.ts'
import { serverOrigin } from './server-url.ts'

/** How a certificate is met that does not decide itself. */
export interface CertificateRules {
  /** The certificate that a person named, as `readFingerprint` gives it: no other is accepted. */
  named?: string | undefined
  /** Asked before a certificate is remembered that nobody vouches for. Where it is absent, such a one is remembered with a word to the person. */
  mayRemember?: ((fingerprint: string) => Promise<boolean>) | undefined
}

/**
 * What decides about the certificate of a URL's server, by its SHA-256 (64 hex
 * digits) and whether an authority vouches for it. One that a person named is
 * remembered when the server shows it, in place of the one before. One that
 * nobody vouches for is remembered when it is first seen; from then on the
 * server must show that. One that an authority vouches for is not remembered,
 * because such are renewed every few weeks. Throws `server-changed` and
 * `certificate-refused`.
 */
export function certificateCheck(context: Context, url: string, rules: CertificateRules = {}): (fingerprint: string, isTrusted: boolean) => Promise<boolean> {
  const origin = serverOrigin(url)
  const file = fileOf(context)
  return async (fingerprint, isTrusted) => {
    if (rules.named !== undefined) {
      if (rules.named !== fingerprint) throw notTheNamed(origin, rules.named, fingerprint)
      await changePrivateLines(file, (servers) => servers.set(origin, fingerprint))
      return true
    }
    const known = (await readPrivateLines(file)).get(origin)
    if (known !== undefined) return matches(origin, known, fingerprint)
    if (isTrusted) return true
    if (rules.mayRemember && !(await rules.mayRemember(fingerprint))) throw notAccepted(origin)
    // Of two processes that meet the server for the first time, the second holds to what the first one saw.
    const kept = await changePrivateLines(file, (servers) => servers.get(origin) ?? servers.set(origin, fingerprint).get(origin)!)
    matches(origin, kept, fingerprint)
    if (!rules.mayRemember) warnOfFirst(context, origin, fingerprint)
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

function warnOfFirst(context: Context, origin: string, fingerprint: string): void {
  context.warn(`'${origin}' shows a certificate that no authority vouches for; it is remembered from now on\n  SHA-256 ${fingerprint}\n  compare it with what 'dits serve' printed there`)
}

function notAccepted(origin: string): DitsError {
  return new DitsError('certificate-refused', `the certificate of '${origin}' was not accepted`, {
    hint: `ask who runs the server for its fingerprint, and run: dits login ${origin} --fingerprint FINGERPRINT`,
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

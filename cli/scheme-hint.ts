import { DitsError, isErrno } from '../core/errors.ts'

/**
 * What became of a connection to a server ('https://HOST' or 'http://HOST'),
 * with the advice to encrypt where it was hung up before an answer came: a
 * server that expects TLS does so when it is spoken to in plain HTTP.
 */
export function withSchemeHint(error: unknown, origin: string): unknown {
  if (!(error instanceof DitsError) || error.code !== 'connection-failed' || !origin.startsWith('http:') || !isErrno(error.cause, 'ECONNRESET')) return error
  return new DitsError(error.code, error.message, { hint: `the server may want it encrypted, as 'dits serve' does; write ${origin.replace('http:', 'https:')}`, cause: error.cause })
}

import { randomBytes } from 'node:crypto'
import { DitsError } from '#core'
import type { Host } from './host.ts'

/** Where an error met a client. */
export interface FaultPlace {
  repository: string
  user: string | undefined
  request: string
}

/**
 * The error that a client is told of: its own mistakes as they are. A fault of
 * the serving side is reported to the host, and where the host hides faults
 * the client gets the code, and a number that stands in the report as well.
 */
export function errorToTell(host: Host, error: unknown, place: FaultPlace): DitsError {
  const known = asError(error)
  if (!isFault(known.code)) return known
  const fault = host.hidesFaults ? randomBytes(4).toString('hex') : undefined
  host.report({ kind: 'failed', ...place, error, ...(fault !== undefined && { fault }) })
  if (fault === undefined) return known
  return new DitsError(known.code, `the server failed at this request (fault ${fault})`, { hint: `ask its administrator to look for '${fault}' in the server's log`, cause: error })
}

/** A DitsError as it is; anything else is a failure of the server's own, whose text is for its log only. */
export function asError(error: unknown): DitsError {
  if (error instanceof DitsError) return error
  return new DitsError('server-failure', 'the server failed at this request', { hint: "ask its administrator to look into the server's log", cause: error })
}

/** Codes that no client can cause, beside those of stores. */
const faultCodes = new Set(['server-failure', 'auth-damaged', 'gc-record-damaged', 'index-damaged', 'pack-damaged', 'pack-missing'])

function isFault(code: string): boolean {
  return faultCodes.has(code) || code.startsWith('store-')
}

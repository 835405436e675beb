import { DitsError } from '../errors.ts'

/**
 * An error on its way from one thread to another. Posting an error as it is
 * would lose all that makes it what it is but its message.
 */
export type ThreadError =
  | { type: 'dits'; code: string; message: string; hint: string | undefined }
  | { type: 'other'; message: string; stack: string | undefined; system: SystemFields }

/** What Node says of an error of the operating system; all are `undefined` for other errors. */
interface SystemFields {
  code?: unknown
  errno?: unknown
  syscall?: unknown
  path?: unknown
}

/** What to post of an error. */
export function packError(error: unknown): ThreadError {
  if (error instanceof DitsError) return { type: 'dits', code: error.code, message: error.message, hint: error.hint }
  if (!(error instanceof Error)) return { type: 'other', message: String(error), stack: undefined, system: {} }
  const { code, errno, syscall, path } = error as SystemFields
  const system = syscall === undefined ? {} : { code, errno, syscall, path }
  return { type: 'other', message: error.message, stack: error.stack, system }
}

/** The error that was packed, of the same kind, with the stack of where it arose. */
export function unpackError(packed: ThreadError): Error {
  if (packed.type === 'dits') {
    return new DitsError(packed.code, packed.message, packed.hint === undefined ? {} : { hint: packed.hint })
  }
  const error = Object.assign(new Error(packed.message), packed.system)
  if (packed.stack !== undefined) error.stack = packed.stack
  return error
}

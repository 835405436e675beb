/**
 * The one error class that users meet. `code` is stable and documented in
 * docs/errors.md; `message` states the problem in lower case with the subject
 * quoted and no full stop; `hint` says what to do next.
 */
export class DitsError extends Error {
  readonly code: string
  readonly hint: string | undefined

  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'DitsError'
    this.code = code
    this.hint = options.hint
  }
}

/** True where `error` is a DitsError with this code. */
export function hasCode(error: unknown, code: string): error is DitsError {
  return error instanceof DitsError && error.code === code
}

/** True where `error` came from the operating system with this errno name, such as 'ENOENT'. */
export function isErrno(error: unknown, ...names: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && names.includes(String(error.code))
}

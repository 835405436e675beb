import { DitsError } from '../core/errors.ts'
import type { Colors } from './colors.ts'
import { OutputClosed, type Output } from './output.ts'
import { printable, printableLines } from './printable.ts'

/** The exit codes of dits, as docs/errors.md explains them. */
export const exitCodes = {
  ok: 0,
  negative: 1,
  user: 2,
  damaged: 3,
  io: 4,
  busy: 5,
  /** A fault in dits itself (EX_SOFTWARE of sysexits.h). */
  unexpected: 70,
  usage: 129,
  interrupted: 130,
  outputClosed: 141,
  terminated: 143,
} as const

/** Codes that do not mean that the person asked for something impossible (exit code 2). */
const exitCodeOf: Readonly<Record<string, number>> = {
  'merge-conflict': exitCodes.negative,
  'nothing-to-commit': exitCodes.negative,
  'unresolved-conflicts': exitCodes.negative,
  'object-garbled': exitCodes.damaged,
  'object-missing': exitCodes.damaged,
  'pack-missing': exitCodes.damaged,
  'ref-missing': exitCodes.damaged,
  'value-too-large': exitCodes.damaged,
  'connection-failed': exitCodes.io,
  'connection-lost': exitCodes.io,
  'peer-silent': exitCodes.io,
  'protocol-violation': exitCodes.io,
  'server-failure': exitCodes.io,
  'store-denied': exitCodes.io,
  'store-io': exitCodes.io,
  'store-missing': exitCodes.io,
  'store-outcome-unknown': exitCodes.busy,
  'store-read-only': exitCodes.io,
  'store-refused': exitCodes.io,
  'store-unreachable': exitCodes.io,
  'store-unsuitable': exitCodes.io,
  'ref-moved': exitCodes.busy,
  'repository-busy': exitCodes.busy,
  'transfer-running': exitCodes.busy,
  'bad-key': exitCodes.unexpected,
  'bad-order': exitCodes.unexpected,
  'unexpected': exitCodes.unexpected,
  'bad-arguments': exitCodes.usage,
  'usage': exitCodes.usage,
  'interrupted': exitCodes.interrupted,
}

/** The exit code of an error code: by the table, then 3 for whatever ends in '-damaged', 5 for '-busy', otherwise 2. */
export function exitCodeFor(code: string): number {
  const known = exitCodeOf[code]
  if (known !== undefined) return known
  if (code.endsWith('-damaged')) return exitCodes.damaged
  return code.endsWith('-busy') ? exitCodes.busy : exitCodes.user
}

/** An error as the person sees it. */
export interface ErrorReport {
  code: string
  message: string
  hint?: string
  exitCode: number
}

/** Puts any thrown value into words. */
export function describeError(error: unknown): ErrorReport {
  if (error instanceof DitsError) {
    const report = { code: error.code, message: error.message, exitCode: exitCodeFor(error.code) }
    return error.hint === undefined ? report : { ...report, hint: error.hint }
  }
  if (isAbort(error)) return { code: 'interrupted', message: 'interrupted', exitCode: exitCodes.interrupted }
  if (isSystemError(error)) return describeSystemError(error)
  return {
    code: 'unexpected',
    message: `this should not have happened: ${error instanceof Error ? error.message : String(error)}`,
    hint: 'this is a fault in dits; run the command again with --verbose and report what it prints',
    exitCode: exitCodes.unexpected,
  }
}

/** Where an error is reported to. */
export interface ErrorDestination {
  stdout: Output
  stderr: Output
  errorColors: Colors
  json: boolean
  verbose: boolean
}

/** Tells the person about an error, and answers the exit code. A reader that went away is told nothing. */
export async function reportError(error: unknown, to: ErrorDestination): Promise<number> {
  if (error instanceof OutputClosed) return exitCodes.outputClosed
  const { exitCode, ...report } = describeError(error)
  try {
    to.stdout.flush()
    if (to.json) to.stdout.json({ error: report })
    else writeReport(report, to)
    if (to.verbose && error instanceof Error && !isPlainRefusal(error, exitCode)) to.stderr.line((await import('node:util')).inspect(error))
    to.stdout.flush()
    to.stderr.flush()
  } catch (second) {
    if (!(second instanceof OutputClosed)) throw second
  }
  return exitCode
}

/** Something asked for that cannot be: where in dits that was noticed helps nobody, and '-v' is also what lists more ('dits branch -v'). */
function isPlainRefusal(error: Error, exitCode: number): boolean {
  return error instanceof DitsError && error.cause === undefined && [exitCodes.negative, exitCodes.user, exitCodes.usage].some((code) => code === exitCode)
}

function writeReport(report: { message: string; hint?: string }, { stderr, errorColors }: ErrorDestination): void {
  stderr.line(`dits: ${errorColors.red(printableLines(report.message))}`)
  const label = /^usage:/.test(report.hint ?? '') ? '' : `${errorColors.yellow('hint:')} `
  for (const line of report.hint?.split('\n') ?? []) stderr.line(label + printable(line))
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

interface SystemError extends Error {
  code: string
  errno: number
  syscall: string
  path?: string | Buffer
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'syscall' in error && 'errno' in error && 'code' in error
}

/** Faults of the request rather than of the disk. */
const userErrnos = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'ENAMETOOLONG', 'ELOOP', 'EINVAL']

const errnoHints: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space and run the command again; nothing that was committed is lost',
  EDQUOT: 'free some space in your quota and run the command again; nothing that was committed is lost',
  EACCES: 'check who owns it and who may read and write it: ls -ld PATH',
  EPERM: 'check who owns it and who may read and write it: ls -ld PATH',
  EROFS: 'mount the file system for writing, or work somewhere else',
  EIO: 'the disk or its connection fails: copy what you can, and check the disk',
  EMFILE: 'raise the limit of open files and run the command again: ulimit -n 4096',
  ENFILE: 'close other programs: the system has too many files open',
}

function describeSystemError(error: SystemError): ErrorReport {
  if (error.syscall === 'uv_cwd') {
    return { code: 'no-such-directory', message: 'the folder that you are in does not exist any more', hint: 'go to one that does: cd DIR', exitCode: exitCodes.user }
  }
  const reason = /^[A-Z0-9]+: (.*?)(?:, \w+|$)/.exec(error.message)?.[1] ?? error.message
  const subject = error.path === undefined ? '' : ` '${String(error.path)}'`
  const hint = errnoHints[error.code]
  return {
    code: error.code.toLowerCase(),
    message: `cannot ${error.syscall}${subject}: ${reason}`,
    ...(hint === undefined ? {} : { hint }),
    exitCode: userErrnos.includes(error.code) ? exitCodes.user : exitCodes.io,
  }
}

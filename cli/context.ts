import type { Repo } from '../core/repo.ts'
import type { Colors } from './colors.ts'
import type { Environment } from './environment.ts'
import type { Output } from './output.ts'
import type { Progress } from './progress.ts'

/** Finds and opens the repository that a context's folder belongs to. */
export type OpenRepo = (context: Context, options?: OpenOptions) => Promise<Repo>

export interface OpenOptions {
  /** Also where a clone was begun and is not finished, which nothing but a look at it is good for. */
  mayBeUnfinished?: boolean
}

/** Everything that a command may know about the world around it. */
export interface Context {
  /** The folder to work in: where dits was called, after every `-C`. Absolute. */
  cwd: string
  stdout: Output
  stderr: Output
  /** Standard input as it comes. */
  stdin(): AsyncIterable<Uint8Array>
  /** Colours for standard output; none where it is not a terminal or does not want them. */
  colors: Colors
  progress: Progress
  /** `--json`: one JSON value a line on standard output. */
  json: boolean
  quiet: boolean
  verbose: boolean
  /** `-z`: end items with NUL and quote nothing. */
  nul: boolean
  environment: Environment
  /** Aborted by the first SIGINT or SIGTERM. */
  signal: AbortSignal
  /** A line on standard error that begins with 'warning:'; not with `--quiet`. */
  warn(message: string): void
  /** The command as it was typed, for the operation log. */
  commandLine: string
  /** Opens the repository of `cwd`. Throws `not-a-repository` where there is none, and `clone-unfinished`. */
  openRepo(options?: OpenOptions): Promise<Repo>
}

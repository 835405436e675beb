import type { Argv } from 'yargs'
import type { Context } from './context.ts'

/** The groups of the overview that `dits help` prints, in its order. */
export const verbGroups = {
  start: 'Start a repository',
  change: 'Work on the current change',
  examine: 'Examine history and content',
  branch: 'Branch and merge',
  share: 'Work with others',
  maintain: 'Maintain and configure',
} as const
export type VerbGroup = keyof typeof verbGroups

/** What the overview, completion and suggestions need to know about a verb. */
export interface VerbRow {
  /** The verb, which is also the name of its file in cli/commands. */
  name: string
  group: VerbGroup
  /** One line for the overview: what it does, without a full stop. */
  summary: string
  /** True where help and completion do not mention it. */
  hidden?: boolean
}

/**
 * One verb. Each file of cli/commands exports one as `command`; nothing else
 * has to be told about it. `A` is the shape of its arguments, as `options`
 * declares them to yargs.
 */
export interface Command<A extends object = object> extends VerbRow {
  /** The ways to call it, without 'dits': `['hash [FILE...]']`. */
  usage: readonly string[]
  /** Positional arguments as yargs writes them: `'<from> [paths..]'`. */
  positionals?: string
  /** A few paragraphs for `dits help VERB`. */
  description?: string
  /** Calls (without 'dits') and what they do. */
  examples?: readonly (readonly [call: string, meaning: string])[]
  /** True where it lists things, which gives it `-z`: end every item with NUL and quote nothing. */
  lists?: boolean
  /** Declares options and positionals; whatever is not declared is refused. */
  options(yargs: Argv): Argv<A>
  /**
   * Does it, and answers the exit code (0 where it answers nothing). What goes
   * wrong is thrown as a DitsError; cli/report-error.ts turns it into text.
   * With `context.json`, standard output gets one JSON value a line.
   */
  run(context: Context, args: A & RestArguments): Promise<number | void>
}

/** What every command gets beside its own arguments. */
export interface RestArguments {
  /** True where '--' was given; what follows it is in the positionals. */
  dashes: boolean
  /** What stands after '--', also where it is already among the positionals. */
  afterDashes: readonly string[]
}

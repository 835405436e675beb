import type { Argv } from 'yargs'
import { DitsError } from '../core/errors.ts'
import type { Command, RestArguments } from './command.ts'

/** The options that every command has. `undefined` where the command line does not say. */
export interface GlobalOptions {
  /** The folders of `-C`, in order. */
  directories: string[]
  json: boolean
  quiet: boolean
  verbose: boolean
  color: boolean | undefined
  help: boolean
  version: boolean
}

/** A command line, split at its verb. */
export interface SplitLine {
  globals: GlobalOptions
  verb: string | undefined
  /** What follows the verb. */
  rest: string[]
}

/** A call that does not fit the command's usage: exit code 129, as git has it. */
export class UsageError extends DitsError {
  constructor(message: string, hint?: string) {
    super('usage', message, hint === undefined ? {} : { hint })
  }
}

/** Reads the options before the verb. Throws UsageError. */
export function splitLine(argv: readonly string[]): SplitLine {
  const globals: GlobalOptions = {
    directories: [],
    json: false,
    quiet: false,
    verbose: false,
    color: undefined,
    help: false,
    version: false,
  }
  let at = 0
  for (; at < argv.length && argv[at]!.startsWith('-'); at++) {
    if (argv[at] === '-C') globals.directories.push(directoryAfter(argv, ++at))
    else setGlobal(globals, argv[at]!)
  }
  return { globals, verb: argv[at], rest: argv.slice(at + 1) }
}

/** What a command line said after its verb. */
export interface ParsedArguments {
  /** What the command's own options and positionals got. */
  args: object & RestArguments
  json: boolean
  quiet: boolean
  verbose: boolean
  color: boolean | undefined
  nul: boolean
}

/** Parses what follows the verb by what the command declares. Throws UsageError. */
export async function parseArguments(command: Command, rest: readonly string[]): Promise<ParsedArguments> {
  const parser = await buildParser(command, rest)
  refuseUnknown(parser, optionsOnly(rest))
  const parsed = (await parser.parseAsync()) as Record<string, unknown>
  const dashes = rest.indexOf('--')
  return {
    args: { ...parsed, dashes: dashes >= 0, afterDashes: dashes < 0 ? [] : rest.slice(dashes + 1) },
    json: parsed['json'] === true,
    quiet: parsed['quiet'] === true,
    verbose: parsed['verbose'] === true,
    color: parsed['color'] as boolean | undefined,
    nul: parsed['z'] === true,
  }
}

/** The parser of one command, with the options that all have; it knows nothing of positionals after '--' (see `takePositionals`). */
export async function buildParser(command: Command, rest: readonly string[]): Promise<Argv> {
  const { default: yargs } = await import('yargs')
  const parser = yargs([...rest])
    .scriptName('dits')
    .detectLocale(false)
    .exitProcess(false)
    .help(false)
    .version(false)
    .strictOptions()
    .parserConfiguration({
      'parse-positional-numbers': false,
      'dot-notation': false,
      'strip-aliased': true,
      'greedy-arrays': false,
    })
    .fail((message, error) => {
      throw error instanceof DitsError ? error : new UsageError(explain(message || error.message))
    })
  const own = command.options(parser)
  if (command.lists) own.option('z', { type: 'boolean', describe: 'end items with NUL and quote nothing' })
  const { string, number } = optionsOf(own)
  const positionals = readPositionals(command)
  own.requiresArg([...string, ...number].filter((key) => !positionals.some(({ name }) => name === key)))
  // A group of their own, because yargs puts groups before what is in none.
  own.group(ownOptions(own, positionals), 'Options:')
  return addGlobalOptions(own).middleware((argv) => {
    takePositionals(positionals, argv as Record<string, unknown>)
    settleRepeated(own, positionals, argv as Record<string, unknown>)
  }, true)
}

/** True where what follows the verb asks for help. */
export function asksForHelp(rest: readonly string[]): boolean {
  const options = optionsOnly(rest)
  return options.includes('--help') || options.includes('-h')
}

/** What stands before '--', where words may be options. */
export function optionsOnly(rest: readonly string[]): readonly string[] {
  const end = rest.indexOf('--')
  return end < 0 ? rest : rest.slice(0, end)
}

/**
 * Names an unknown option as it was typed, before anything else is found
 * wrong: yargs would miss an argument first that the option swallowed, and
 * takes '--no-verify' for 'verify'.
 */
function refuseUnknown(parser: Argv, words: readonly string[]): void {
  const { key, boolean } = optionsOf(parser)
  const isKnown = (name: string) => Object.hasOwn(key, name)
  for (const word of words) {
    const [, long] = /^--([^=]+)/.exec(word) ?? []
    if (long !== undefined && !isKnown(long) && !isKnown(long.replace(/^no-/, ''))) throw new UsageError(`unknown option: '--${long}'`)
    for (const letter of /^-([a-zA-Z]+)/.exec(word)?.[1] ?? '') {
      if (!isKnown(letter)) throw new UsageError(`unknown option: '-${letter}'`)
      if (!boolean.includes(letter)) break
    }
  }
}

function addGlobalOptions(parser: Argv): Argv {
  return parser
    .option('json', { type: 'boolean', describe: 'print one JSON value a line' })
    .option('quiet', { alias: 'q', type: 'boolean', describe: 'print no progress and no remarks' })
    .option('verbose', { alias: 'v', type: 'boolean', describe: 'print more' })
    .option('color', { type: 'boolean', describe: 'colour the output; --no-color for none' })
    .option('help', { alias: 'h', type: 'boolean', describe: 'print this help' })
    .group(['json', 'quiet', 'verbose', 'color', 'help'], 'Every command:')
}

interface Positional {
  name: string
  required: boolean
  many: boolean
}

function readPositionals(command: Command): Positional[] {
  const words = command.positionals?.split(' ') ?? []
  return words.map((word) => ({
    name: word.replace(/[<>[\].]/g, ''),
    required: word.startsWith('<'),
    many: word.includes('..'),
  }))
}

/**
 * Gives the words that are no options to the positionals, in order. Yargs
 * would do so for a command of its own, but leaves out what follows '--'.
 */
function takePositionals(positionals: readonly Positional[], argv: Record<string, unknown>): void {
  const words = [...(argv['_'] as string[]), ...((argv['--'] as string[] | undefined) ?? [])]
  for (const { name, required, many } of positionals) {
    if (required && words.length === 0) throw new UsageError(`missing argument: <${name}>`)
    if (many) argv[name] = words.splice(0)
    else if (words.length > 0) argv[name] = words.shift()
  }
  if (words.length > 0) throw new UsageError(`one argument too many: '${words[0]}'`)
  argv['_'] = []
  delete argv['--']
}

/** An option that is no list counts as it was given last; a number must be one. */
function settleRepeated(parser: Argv, positionals: readonly Positional[], argv: Record<string, unknown>): void {
  const { array, number, alias } = optionsOf(parser)
  const lists = new Set([...array, ...positionals.map(({ name }) => name), '_'].flatMap((key) => [key, ...(alias[key] ?? [])]).map(camelCase))
  for (const [key, value] of Object.entries(argv)) {
    if (Array.isArray(value) && !lists.has(camelCase(key))) argv[key] = value.at(-1)
  }
  for (const key of number) {
    if (Number.isNaN(argv[camelCase(key)])) throw new UsageError(`option '--${key}' needs a number`)
  }
}

function camelCase(key: string): string {
  return key.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** The names of the declared options, without their aliases. */
function ownOptions(parser: Argv, positionals: readonly Positional[]): string[] {
  const { key, alias } = optionsOf(parser)
  const aliases = new Set(Object.values(alias).flat())
  return Object.keys(key).filter((name) => !aliases.has(name) && !positionals.some((positional) => positional.name === name))
}

/** What yargs knows about the declared options; its types leave this out. */
export function optionsOf(parser: Argv): DeclaredOptions {
  return (parser as unknown as { getOptions(): DeclaredOptions }).getOptions()
}

/** The option names of a parser, by what they take. */
export interface DeclaredOptions {
  array: string[]
  boolean: string[]
  string: string[]
  number: string[]
  alias: Record<string, string[] | undefined>
  key: Record<string, boolean>
  hiddenOptions: string[]
}

function directoryAfter(argv: readonly string[], at: number): string {
  const directory = argv[at]
  if (directory === undefined) throw new UsageError(`no directory given after '-C'`)
  return directory
}

function setGlobal(globals: GlobalOptions, option: string): void {
  if (option === '--json') globals.json = true
  else if (option === '--quiet' || option === '-q') globals.quiet = true
  else if (option === '--verbose' || option === '-v') globals.verbose = true
  else if (option === '--color') globals.color = true
  else if (option === '--no-color') globals.color = false
  else if (option === '--help' || option === '-h') globals.help = true
  else if (option === '--version') globals.version = true
  else throw new UsageError(`unknown option: '${option}'`)
}

/** Yargs's complaint in our words. */
function explain(message: string): string {
  const unknown = /^Unknown arguments?: ([^,\n]+)/.exec(message)
  if (unknown) return `unknown option: '${unknown[1]!.length === 1 ? '-' : '--'}${unknown[1]}'`
  const missing = /^Not enough arguments following: (.+)/.exec(message)
  if (missing) return `option '${missing[1]!.length === 1 ? '-' : '--'}${missing[1]}' needs a value`
  const choice = /Given: "(.*)", Choices: (.+)/.exec(message)
  if (choice) return `'${choice[1]}' is none of: ${choice[2]!.replaceAll('"', '')}`
  const line = message.trim().split('\n')[0]!
  return line.charAt(0).toLowerCase() + line.slice(1)
}

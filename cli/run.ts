import { resolve } from 'node:path'
import { hasCode, DitsError } from '../core/errors.ts'
import type { Repo } from '../core/repo.ts'
import { asksForHelp, optionsOnly, parseArguments, splitLine, UsageError, type GlobalOptions, type ParsedArguments } from './arguments.ts'
import { createColors, wantsColor } from './colors.ts'
import type { Command } from './command.ts'
import type { Context } from './context.ts'
import { readEnvironment } from './environment.ts'
import { similarVerbs, verbOf } from './find-verb.ts'
import { quoteArgument } from './format.ts'
import { listenForInterrupts, type Interrupts } from './interrupt.ts'
import { openRepo } from './open-repo.ts'
import { openOutput, type Output } from './output.ts'
import { printableLines } from './printable.ts'
import { createProgress, type Progress } from './progress.ts'
import { recoverArguments } from './raw-arguments.ts'
import { exitCodes, reportError, type ErrorDestination } from './report-error.ts'
import { listVerbs, loadCommand } from './verbs.ts'

/** Runs one command line, and answers the exit code. Nothing is thrown, and all output has been written. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const terminal = openTerminal(argv)
  try {
    const { globals, verb, rest } = splitLine(recoverArguments(argv))
    applyGlobals(terminal, globals)
    // Known before the verb's own parser is, so that its complaints come as JSON too.
    terminal.json ||= optionsOnly(rest).includes('--json')
    const code = await runVerb(terminal, globals, ...chooseVerb(globals, verb, rest))
    terminal.progress.clear()
    terminal.stdout.flush()
    terminal.stderr.flush()
    return code
  } catch (error) {
    terminal.progress.clear()
    const code = await reportError(whyItEnded(error, terminal.interrupts.signal), terminal)
    return code === exitCodes.interrupted && terminal.interrupts.received() === 'SIGTERM' ? exitCodes.terminated : code
  }
}

/** An interruption closes connections, and whoever used one learns of that first. */
function whyItEnded(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && (hasCode(error, 'connection-lost') || hasCode(error, 'connection-failed')) ? signal.reason : error
}

/** The streams of this process, and what the global options made of them. */
interface Terminal extends ErrorDestination {
  progress: Progress
  interrupts: Interrupts
  quiet: boolean
  color: boolean | undefined
  commandLine: string
}

function openTerminal(argv: readonly string[]): Terminal {
  const columns = Number(process.env['COLUMNS']) || undefined
  const clearBar = () => terminal.progress.clear()
  const terminal: Terminal = {
    stdout: openOutput(1, { columns, beforeWrite: clearBar }),
    stderr: openOutput(2, { columns, beforeWrite: clearBar }),
    errorColors: createColors(false),
    json: false,
    verbose: false,
    quiet: false,
    color: undefined,
    commandLine: ['dits', ...argv.map(quoteArgument)].join(' '),
    progress: { start: () => ({ advance() {}, moveTo() {}, setTotal() {}, finish() {} }), clear() {} },
    interrupts: listenForInterrupts(),
  }
  return terminal
}

/** Settles what the options say; called again once those after the verb are known. */
function applyGlobals(terminal: Terminal, options: Pick<GlobalOptions, 'json' | 'quiet' | 'verbose' | 'color'>): void {
  terminal.json ||= options.json
  terminal.quiet ||= options.quiet
  terminal.verbose ||= options.verbose
  terminal.color = options.color ?? terminal.color
  terminal.errorColors = colorsOf(terminal.stderr, terminal.color)
  const { stderr } = terminal
  terminal.progress = createProgress({
    mode: terminal.quiet ? 'none' : stderr.isTerminal && process.env['TERM'] !== 'dumb' ? 'bar' : 'lines',
    write: (text) => void process.stderr.write(text),
    columns: () => stderr.columns,
    clock: () => performance.now(),
  })
}

function colorsOf(output: Output, wanted: boolean | undefined) {
  return createColors(wantsColor({ variables: process.env, isTerminal: output.isTerminal, wanted }))
}

/** `dits`, `dits --help` and `dits --version` are the verbs help and version by another name. */
function chooseVerb(globals: GlobalOptions, verb: string | undefined, rest: string[]): [verb: string, rest: string[], exitCode?: number] {
  if (globals.version) return ['version', []]
  if (globals.help) return ['help', verb === undefined ? [] : [verb]]
  return verb === undefined ? ['help', [], exitCodes.usage] : [verbOf(verb), rest]
}

async function runVerb(terminal: Terminal, globals: GlobalOptions, verb: string, rest: string[], exitCode = 0): Promise<number> {
  const command = await loadCommand(verb)
  if (!command) throw await unknownVerb(verb)
  if (asksForHelp(rest)) return runVerb(terminal, globals, 'help', [verb])
  const parsed = await parseOrExplain(command, rest)
  applyGlobals(terminal, parsed)
  for (const directory of globals.directories) enterDirectory(directory)
  const opened: Repo[] = []
  try {
    return (await command.run(createContext(terminal, parsed, opened), parsed.args)) ?? exitCode
  } finally {
    // A connection that content came through ends in good order, for the sake of the other side's log.
    for (const repo of opened) await repo.content.close()
  }
}

async function parseOrExplain(command: Command, rest: readonly string[]): Promise<ParsedArguments> {
  try {
    return await parseArguments(command, rest)
  } catch (error) {
    if (!hasCode(error, 'usage')) throw error
    const { usageText } = await import('./help-text.ts')
    throw new UsageError(error.message, usageText(command).trimEnd())
  }
}

async function unknownVerb(verb: string): Promise<UsageError> {
  const similar = similarVerbs(verb, await listVerbs())
  const hint = similar.length === 0 ? 'dits help lists all commands' : `did you mean: ${similar.join(', ')}?`
  return new UsageError(`'${verb}' is not a dits command`, hint)
}

/** Every `-C` is relative to the one before, as in git. */
function enterDirectory(directory: string): void {
  try {
    process.chdir(directory)
  } catch (cause) {
    throw new DitsError('no-such-directory', `cannot change to '${directory}'`, { hint: 'name a folder that exists after -C', cause })
  }
}

/** `opened` gets the repositories that are opened through the context. */
function createContext(terminal: Terminal, parsed: ParsedArguments, opened: Repo[]): Context {
  const { stdout, stderr, errorColors } = terminal
  const context: Context = {
    cwd: resolve('.'),
    commandLine: terminal.commandLine,
    stdout,
    stderr,
    stdin: () => openStdin(terminal.interrupts.signal),
    colors: colorsOf(stdout, terminal.color),
    progress: terminal.progress,
    json: terminal.json,
    quiet: terminal.quiet,
    verbose: terminal.verbose,
    nul: parsed.nul,
    environment: readEnvironment(process.env),
    signal: terminal.interrupts.signal,
    warn(message) {
      if (!terminal.quiet) stderr.line(`${errorColors.yellow('warning:')} ${printableLines(message)}`)
      stderr.flush()
    },
    openRepo: async (options) => {
      const repo = await openRepo(context, options)
      opened.push(repo)
      return repo
    },
  }
  return context
}

/** Standard input, which ends with an interruption instead of waiting on for somebody to type. */
function openStdin(signal: AbortSignal): AsyncIterable<Uint8Array> {
  const { stdin } = process
  signal.addEventListener('abort', () => stdin.destroy(signal.reason as Error), { once: true })
  return stdin
}

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import type { Colors } from '../colors.ts'
import { formatDuration, quoteArgument } from '../format.ts'
import { DemoFailure } from './failure.ts'
import { startDemoServer, type DemoServer } from './server.ts'
import type { Version } from './version.ts'

/** What the chapters of the demo play on: a folder, a screen, and dits itself. */
export interface Stage {
  /** The project's folder. */
  readonly folder: string
  /** The ffmpeg that makes the footage; `undefined` where none is installed, or it turned out not to work. */
  ffmpeg: string | undefined
  /** How large the project is; 1 is about 200 MB. */
  readonly scale: number
  readonly colors: Colors
  /** What was committed so far, oldest first. */
  readonly versions: Version[]
  /** Prints a line. */
  say(text?: string): void
  /** Prints what is about to happen, and after it how it went and how long it took. */
  work<T>(text: string, task: () => Promise<T>, result: (value: T) => string): Promise<T>
  /** Runs a dits command in the folder, shown as typed, with its result in one line. Throws a DemoFailure where it fails. */
  dits(...args: string[]): void
  /** As `dits`, with everything that the command prints. */
  ditsInFull(...args: string[]): void
  /** As `dits`, with text for the command to read on its standard input. */
  ditsWith(options: { input: string }, ...args: string[]): void
  /** Starts a server with its data in a folder, relative to the project's; to be stopped by whoever started it. */
  serve(data: string): Promise<DemoServer>
}

/** What a stage is made of, beside what it shows of it. */
export interface StageOptions extends Pick<Stage, 'folder' | 'ffmpeg' | 'scale' | 'colors'> {
  /** The path of the dits that is run. */
  launcher: string
  /** Takes what is to be seen, as it is. */
  write(text: string): void
}

const indent = '  '

/** A stage for one run of the demo; its folder is there and empty. */
export function createStage({ folder, ffmpeg, scale, colors, launcher, write }: StageOptions): Stage {
  const timed = (start: number) => colors.dim(`(${formatDuration(performance.now() - start)})`)
  const announce = (args: readonly string[]) => write(`${colors.dim('$')} ${colors.bold(['dits', ...args.map(quoteArgument)].join(' '))}\n`)
  const run = (args: readonly string[], shown: (lines: string[]) => string[], input = '') => {
    announce(args)
    const start = performance.now()
    const lines = shown(runDits(launcher, args, { folder, input }))
    write(`${lines.map((line) => indent + line).join('\n')} ${timed(start)}\n`)
  }
  return {
    folder,
    ffmpeg,
    scale,
    colors,
    versions: [],
    say: (text = '') => write(`${text}\n`),
    async work(text, task, result) {
      const start = performance.now()
      write(`${text} ... `)
      const value = await task()
      write(`${result(value)} ${timed(start)}\n`)
      return value
    },
    dits: (...args) => run(args, lastTwo),
    ditsInFull: (...args) => run(args, (lines) => lines),
    ditsWith: ({ input }, ...args) => run(args, lastTwo, input),
    async serve(data) {
      announce(['serve', '--data', data])
      const start = performance.now()
      const server = await startDemoServer(launcher, { data, cwd: folder, env: demoEnvironment(folder) })
      write(`${indent}listens at ${server.url} ${timed(start)}\n`)
      return server
    },
  }
}

/**
 * Runs dits as a user at a terminal would, but with the settings of nobody in
 * particular, so that the demo does the same for everyone. Answers the lines
 * that it printed.
 */
function runDits(launcher: string, args: readonly string[], { folder, input }: { folder: string; input: string }): string[] {
  const { status, signal, stdout, stderr, error } = spawnSync(launcher, args, {
    cwd: folder,
    input,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: demoEnvironment(folder),
  })
  if (error) throw new DemoFailure(`'${launcher}' cannot be started: ${error.message}`)
  if (status !== 0) throw new DemoFailure(`'dits ${args.join(' ')}' ended with ${signal ?? `exit code ${status}`}\n${stderr.trim()}`)
  return (stdout.trim() || stderr.trim()).split('\n').map((line) => line.trim()).filter((line) => line !== '')
}

function lastTwo(lines: readonly string[]): string[] {
  return [lines.slice(-2).join(', ')]
}

/** Settings, tokens and known servers of the demo are in its own folder; nobody's own are read or changed. */
function demoEnvironment(folder: string): NodeJS.ProcessEnv {
  const { DITS_TOKEN: _token, DITS_SERVER_DATA: _data, ...others } = process.env
  return {
    ...others,
    NO_COLOR: '1',
    HOME: path.join(folder, '..', 'home'),
    XDG_CONFIG_HOME: path.join(folder, '..', 'home', 'config'),
    DITS_AUTHOR_NAME: process.env['DITS_AUTHOR_NAME'] ?? 'Demo Editor',
    DITS_AUTHOR_EMAIL: process.env['DITS_AUTHOR_EMAIL'] ?? 'editor@example.org',
  }
}

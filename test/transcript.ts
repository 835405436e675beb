import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One command of a transcript and what it is to print. */
export interface TranscriptStep {
  command: string
  /** The line of the transcript, from 1. */
  line: number
  /** What standard output and standard error print, with placeholders. */
  expected: string[]
  exitCode: number
}

/**
 * Reads a transcript: lines that begin with '$ ' are commands for sh (which
 * '> ' continues), and what follows, up to the next command, is their output.
 * '[exit 2]' as its last line is the exit code, 0 where there is none. Lines
 * with '#' at the start, before the first command or after an empty line, are
 * remarks. Empty lines before a command do not count.
 */
export function parseTranscript(text: string): TranscriptStep[] {
  const steps: TranscriptStep[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const step = steps.at(-1)
    const isRemark = line.startsWith('#') && (step === undefined || step.expected.at(-1) === '')
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), line: index + 1, expected: [], exitCode: 0 })
    else if (line.startsWith('> ') && step?.expected.length === 0) step.command += `\n${line.slice(2)}`
    else if (!isRemark) step?.expected.push(line)
  }
  return steps.map(settle)
}

function settle(step: TranscriptStep): TranscriptStep {
  const expected = [...step.expected]
  while (expected.at(-1) === '') expected.pop()
  const exit = /^\[exit (\d+)\]$/.exec(expected.at(-1) ?? '')
  if (exit) expected.pop()
  return { ...step, expected, exitCode: exit ? Number(exit[1]) : 0 }
}

/** What placeholders stand for. `<...>` is any text within a line; a line '...' is any number of lines. */
const placeholders: Readonly<Record<string, string>> = {
  'id': '[0-9a-f]{6,64}',
  'n': '[0-9][0-9,]*',
  'size': '[0-9.]+ [kMGT]?B',
  'time': '[0-9.:]+(?: m?s)?',
  'version': '\\d+\\.\\d+\\.\\d+\\S*',
  '...': '.*',
}

/** Values of named placeholders, such as `<id:first>`, that earlier commands of a transcript printed. */
export type Bindings = Map<string, string>

/**
 * Compares output with what a transcript expects. A named placeholder takes
 * any value the first time, and only that one afterwards. Answers what is
 * wrong, or `undefined`.
 */
export function compareOutput(expected: readonly string[], actual: string, bindings: Bindings): string | undefined {
  const names: string[] = []
  const source = expected.map((line) => (line === '...' ? '(?:.*\\n)*?' : `${lineSource(line, names, bindings)}\\n`)).join('')
  const text = actual === '' || actual.endsWith('\n') ? actual : `${actual}\n`
  const match = new RegExp(`^${source}$`).exec(text)
  if (!match) return `expected:\n${indent(expected.join('\n'))}\nbut it printed:\n${indent(actual)}`
  for (const name of names) bindings.set(name, match.groups![name]!)
  return undefined
}

function lineSource(line: string, names: string[], bindings: Bindings): string {
  return line
    .split(/(<(?:\.\.\.|[a-z]+(?::[a-z]+)?)>)/)
    .map((part, index) => {
      const [kind, name] = part.slice(1, -1).split(':') as [string, string | undefined]
      const pattern = index % 2 === 1 && Object.hasOwn(placeholders, kind) ? placeholders[kind]! : undefined
      if (pattern === undefined) return escapeRegExp(part)
      if (name === undefined) return `(?:${pattern})`
      if (bindings.has(name)) return escapeRegExp(bindings.get(name)!)
      if (names.includes(name)) return `\\k<${name}>`
      names.push(name)
      return `(?<${name}>${pattern})`
    })
    .join('')
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ')
}

/** A folder to run a transcript in, with a home of its own and a fixed clock, author and zone. */
export interface TranscriptFolder {
  /** Runs a command there with sh; standard error is in the output where it happened. */
  run(command: string): { output: string; exitCode: number }
  remove(): void
}

/** Makes such a folder. Commands find `dits` in their PATH: the launcher of this project. */
export function openTranscriptFolder(): TranscriptFolder {
  const folder = mkdtempSync(join(tmpdir(), 'dits-transcript-'))
  const launcherFolder = fileURLToPath(new URL('../cli/bin', import.meta.url))
  const env = {
    PATH: [launcherFolder, process.env['PATH']].join(delimiter),
    HOME: join(folder, '.home'),
    TMPDIR: folder,
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    DITS_AUTHOR_NAME: 'Ada Lovelace',
    DITS_AUTHOR_EMAIL: 'ada@example.org',
    DITS_NOW: '2024-05-01T12:00:00+02:00',
  }
  return {
    run(command) {
      const result = spawnSync('sh', ['-c', `exec 2>&1\n${command}`], { cwd: folder, env, encoding: 'utf8', input: '' })
      return { output: result.stdout, exitCode: result.status ?? -1 }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

import { describe, expect, it } from 'vitest'
import { asksForHelp, parseArguments, splitLine } from './arguments.ts'
import type { Command } from './command.ts'

const command: Command = {
  name: 'try',
  group: 'examine',
  summary: 'Try',
  usage: ['try FROM [PATH...]'],
  positionals: '<from> [paths..]',
  lists: true,
  options: (yargs) =>
    yargs
      .positional('from', { type: 'string' })
      .positional('paths', { type: 'string', array: true })
      .option('max-count', { alias: 'n', type: 'number' })
      .option('message', { alias: 'm', type: 'string', array: true })
      .option('format', { type: 'string' })
      .option('all', { alias: 'a', type: 'boolean' }),
  async run() {},
}

async function parse(...rest: string[]) {
  const { args, ...globals } = await parseArguments(command, rest)
  const { _, $0, ...own } = args as unknown as Record<string, unknown>
  return { ...globals, ...own }
}

describe('options before the verb', () => {
  it('are read up to the verb and no further', () => {
    const { globals, verb, rest } = splitLine(['-C', 'a', '-C', 'b', '--json', '-q', '--no-color', 'log', '-q', '-C'])
    expect(globals).toMatchObject({ directories: ['a', 'b'], json: true, quiet: true, verbose: false, color: false })
    expect([verb, rest]).toEqual(['log', ['-q', '-C']])
  })

  it('must be known and complete', () => {
    expect(() => splitLine(['--jsno'])).toThrow(`unknown option: '--jsno'`)
    expect(() => splitLine(['-C'])).toThrow(`no directory given after '-C'`)
  })
})

describe('arguments of a verb', () => {
  it('go to its positionals in order, as text', async () => {
    expect(await parse('1', '007', '-')).toMatchObject({ from: '1', paths: ['007', '-'], dashes: false })
    expect(await parse('1')).toMatchObject({ from: '1', paths: [] })
  })

  it('may look like options after --', async () => {
    expect(await parse('a', 'b', '--', '-n', '--all')).toMatchObject({ from: 'a', paths: ['b', '-n', '--all'], dashes: true, afterDashes: ['-n', '--all'] })
    expect(asksForHelp(['a', '--', '--help'])).toBe(false)
    expect(asksForHelp(['a', '-h'])).toBe(true)
  })

  it('may mix with options', async () => {
    expect(await parse('a', '-n3', '--all', 'b', '-m', 'one', '-m', 'two', 'c', '-z')).toMatchObject({
      from: 'a',
      paths: ['b', 'c'],
      maxCount: 3,
      all: true,
      message: ['one', 'two'],
      nul: true,
    })
  })

  it('count as they were given last, unless they are lists', async () => {
    expect(await parse('a', '-n', '1', '-n', '2', '--format', 'x', '--format', 'y')).toMatchObject({ maxCount: 2, format: 'y' })
  })

  it('may be empty text', async () => {
    expect(await parse('a', '', '--format=')).toMatchObject({ paths: [''], format: '' })
  })

  it('may hold global options', async () => {
    expect(await parse('a', '--json', '-v', '--quiet', '--no-color')).toMatchObject({ json: true, verbose: true, quiet: true, color: false })
    expect((await parse('a')).color).toBeUndefined()
  })

  it.each([
    [[], 'missing argument: <from>'],
    [['--frames', 'a'], `unknown option: '--frames'`],
    [['--no-frames=1', 'a'], `unknown option: '--no-frames'`],
    [['-ax', 'a'], `unknown option: '-x'`],
    [['a', '--frames'], `unknown option: '--frames'`],
    [['a', '-x'], `unknown option: '-x'`],
    [['a', '-n', 'many'], `option '--max-count' needs a number`],
    [['a', '--format'], `option '--format' needs a value`],
  ])('that are wrong are refused: %j', async (rest, message) => {
    await expect(parse(...rest)).rejects.toMatchObject({ code: 'usage', message })
  })

  it('that are too many are refused', async () => {
    await expect(parseArguments({ ...command, positionals: '<from>' }, ['a', 'b'])).rejects.toMatchObject({ message: `one argument too many: 'b'` })
  })
})

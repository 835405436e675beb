import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { problemText } from './tidy-problem.ts'
import { findProblems } from './tidy.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Problems of one file, as 'line: message'. */
function problemsOf(file: string, text: string): string[] {
  return findProblems(new Map([[file, text]])).map(({ line, message }) => `${line}: ${message}`)
}

describe('the sources', () => {
  it('are tidy', () => {
    const files = globSync('{core,cli,protocol,server,vfs,handlers,fixtures,test,bench}/**/*.ts', { cwd: root })
      .map((file) => file.replaceAll('\\', '/'))
      .filter((file) => !/(^|\/)(node_modules|dist)\/|^core\/fastcdc\/assembly\//.test(file))
    expect(files.length).toBeGreaterThan(20)
    const sources = new Map(files.map((file) => [file, readFileSync(`${root}/${file}`, 'utf8')]))
    expect(findProblems(sources).map(problemText).join('\n')).toBe('')
  })
})

describe('tidiness', () => {
  it('says where the problem is and what to do about it', () => {
    const problems = findProblems(new Map([['handlers/psd.ts', `\nimport { x } from '../core/bytes.ts'\nx()\n`]]))
    expect(problems.map(problemText)).toEqual([
      `handlers/psd.ts:2: handlers must not import '../core/bytes.ts'; import it from core's door: '#core'`,
    ])
  })

  it.each([
    ['core/a.ts', `import { x } from '../handlers/b.ts'`, `core must not import '../handlers/b.ts'`],
    ['core/a.ts', `import { x } from '../cli/run.ts'`, `core must not import '../cli/run.ts'`],
    ['core/a.ts', `import { x } from './fastcdc/index.ts'`, `'./fastcdc/index.ts' goes around the package`],
    ['core/a.test.ts', `import { x } from '../fixtures/b.ts'`, undefined],
    ['protocol/a.ts', `export { x } from '../server/b.ts'`, `protocol must not import '../server/b.ts'`],
    ['server/a.ts', `import { x } from '../protocol/b.ts'`, undefined],
    ['server/a.ts', `const x = await import('../vfs/b.ts')`, `server must not import '../vfs/b.ts'`],
    ['vfs/a.ts', `import { x } from '#core'`, undefined],
    ['cli/a.ts', `import { x } from '../core/b.ts'`, undefined],
    ['cli/a.ts', `import { x } from '../test/b.ts'`, `cli must not import '../test/b.ts'`],
    ['core/a.ts', `import yargs from 'yargs'`, `'yargs' enters through cli/arguments.ts`],
    ['cli/a.ts', `import type { Argv } from 'yargs'`, undefined],
    ['core/a.ts', `import left from 'left-pad'`, `'left-pad' has no door`],
    ['core/a.ts', `import fs from 'node:fs'`, undefined],
  ])('holds the layers: %s with %s', (file, text, message) => {
    expect(problemsOf(file, text)).toEqual(message === undefined ? [] : [`1: ${message}`])
  })

  it('finds files that import each other in a ring, unless only types go round', () => {
    const ring = (last: string) =>
      new Map([
        ['core/a.ts', `import { b } from './b.ts'`],
        ['core/b.ts', `import { c } from './more/c.ts'`],
        ['core/more/c.ts', last],
      ])
    const messages = (last: string) => findProblems(ring(last)).map(({ message }) => message)
    expect(messages(`import { a } from '../a.ts'`)).toEqual(['an import cycle: core/a.ts -> core/b.ts -> core/more/c.ts -> core/a.ts'])
    expect(messages(`import type { A } from '../a.ts'`)).toEqual([])
    expect(messages(`import { type A } from '../a.ts'`)).toEqual([])
    expect(messages(`const { a } = await import('../a.ts')`)).toEqual([])
  })

  it.each([
    [`const x = process.env['HOME']`, `core reaches for 'process.env'`],
    [`process.stdout.write('')`, `core reaches for 'process.stdout'`],
    [`const x = Date.now()`, `core reaches for 'Date.now'`],
    [`const x = new Date()`, `core reads the clock with 'new Date()'`],
    [`console.log(1)`, `core prints with 'console.log'`],
    [`import { homedir } from 'node:os'`, `core reaches for 'homedir'`],
  ])('keeps the world out of core: %s', (text, message) => {
    expect(problemsOf('core/a.ts', text)).toEqual([`1: ${message}`])
    expect(problemsOf('cli/a.ts', text)).toEqual([])
    expect(problemsOf('core/a.test.ts', text)).toEqual([])
  })

  it('lets core make dates of moments that it was given', () => {
    expect(problemsOf('core/a.ts', 'const x = new Date(timeMs)')).toEqual([])
  })

  it('counts the lines of files and functions', () => {
    expect(problemsOf('core/a.ts', 'f()\n'.repeat(450))).toEqual([])
    expect(problemsOf('core/a.ts', 'f()\n'.repeat(451))).toEqual(['451: it has 451 lines, more than 450'])
    const lines = (count: number) => `const g = () => {\n${'f()\n'.repeat(count - 2)}}\n`
    expect(problemsOf('core/a.ts', lines(70))).toEqual([])
    expect(problemsOf('core/a.ts', lines(71))).toEqual(['1: a function of 71 lines, more than 70'])
    expect(problemsOf('core/a.test.ts', lines(71))).toEqual([])
  })

  it.each([
    [`// TO${''}DO: later`, `'TO${''}DO' marks unfinished work`],
    [`// FIX${''}ME`, `'FIX${''}ME' marks unfinished work`],
    [`let x: any`, `'any' turns the type checker off`],
    [`let x = y as any`, `'any' turns the type checker off`],
  ])('refuses %s', (text, message) => {
    expect(problemsOf('cli/a.ts', text)).toEqual([`1: ${message}`])
  })

  it('accepts the word any in comments and texts', () => {
    expect(problemsOf('cli/a.ts', `// any of them\nconst x = 'any'`)).toEqual([])
  })

  it.each(['core/utils.ts', 'cli/string-helpers.ts', 'vfs/misc/a.ts', 'server/lock-manager.ts'])('refuses the name %s', (file) => {
    expect(problemsOf(file, '')).toHaveLength(1)
  })

  it('wants a docstring on what is exported', () => {
    const body = '{\n  g()\n  h()\n}'
    expect(problemsOf('core/a.ts', `export function f() ${body}`)).toEqual([`1: 'f' is exported without a docstring`])
    expect(problemsOf('core/a.ts', `export interface F { g(): void }`)).toEqual([`1: 'F' is exported without a docstring`])
    expect(problemsOf('core/a.ts', `/** Does it. */\nexport function f() ${body}`)).toEqual([])
    expect(problemsOf('core/a.ts', `function f() ${body}\nexport const limit = 3\nexport interface Shape { size: number }\nexport function g() { return 1 }`)).toEqual([])
  })
})

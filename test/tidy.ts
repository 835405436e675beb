import { posix } from 'node:path'
import { checkImports, findCycles, type SourceFile } from './tidy-imports.ts'
import { isProductFile, isTestFile, type Problem } from './tidy-problem.ts'
import { countLines, lineAt, parseSource, visit, type Node } from './tidy-syntax.ts'

const fileLinesMax = 450
const functionLinesMax = 70
const emptyNames = /^(utils?|helpers?|managers?|misc)$/i

/** Everything that is untidy in these sources, whose paths are relative to the root of the project. */
export function findProblems(sources: ReadonlyMap<string, string>): Problem[] {
  const files = [...sources].map(([file, text]): SourceFile => ({ file, text, program: parseSource(file, text) }))
  return [...files.flatMap(checkFile), ...findCycles(files)].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line))
}

function checkFile(source: SourceFile): Problem[] {
  return [
    ...checkNames(source),
    ...checkLength(source),
    ...checkUnfinished(source),
    ...checkSyntax(source),
    ...(isProductFile(source.file) ? checkDocstrings(source) : []),
    ...checkImports(source),
  ]
}

function checkNames({ file }: SourceFile): Problem[] {
  const bad = file.split('/').find((part) => part.split(/[.-]/).some((word) => emptyNames.test(word)))
  return bad === undefined ? [] : [{ file, line: 1, message: `'${bad}' says nothing about what is in it`, remedy: 'name it after what it does' }]
}

function checkLength({ file, text }: SourceFile): Problem[] {
  const lines = countLines(text)
  if (lines <= fileLinesMax) return []
  return [{ file, line: fileLinesMax + 1, message: `it has ${lines} lines, more than ${fileLinesMax}`, remedy: 'move a part that tells a story of its own to another file' }]
}

// Put together here, so that this file does not find itself.
const unfinished = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'not implemented' + ' yet'].join('|')})\\b`)

function checkUnfinished({ file, text }: SourceFile): Problem[] {
  return text.split('\n').flatMap((line, index) => {
    const word = unfinished.exec(line)?.[1]
    return word === undefined ? [] : [{ file, line: index + 1, message: `'${word}' marks unfinished work`, remedy: 'finish it, or leave it out' }]
  })
}

function checkSyntax({ file, text, program }: SourceFile): Problem[] {
  const problems: Problem[] = []
  const add = (node: Node, message: string, remedy: string) => problems.push({ file, line: lineAt(text, node.start), message, remedy })
  visit(program, (node) => {
    if (node.type === 'TSAnyKeyword') add(node, `'any' turns the type checker off`, `use 'unknown' and look, or name the type`)
    if (!isTestFile(file) && isFunction(node)) {
      const lines = countLines(text.slice(node.start, node.end))
      if (lines > functionLinesMax) add(node, `a function of ${lines} lines, more than ${functionLinesMax}`, 'move its parts into functions of their own')
    }
    if (isCore(file)) checkAmbient(node, text, add)
  })
  return problems
}

function isFunction({ type }: Node): boolean {
  return type === 'FunctionDeclaration' || type === 'FunctionExpression' || type === 'ArrowFunctionExpression'
}

/** Core's own code, which is told about the world by whoever runs it. The chunker is a package with a build of its own. */
function isCore(file: string): boolean {
  return file.startsWith('core/') && !file.startsWith('core/fastcdc/') && !isTestFile(file)
}

const ambient: Readonly<Record<string, string>> = {
  'process.env': 'take what it says as an argument',
  'process.stdout': 'return what is to be printed, or report it through a callback',
  'process.stderr': 'return what is to be printed, or report it through a callback',
  'process.argv': 'take it as an argument',
  'process.exit': 'throw a DitsError',
  'process.cwd': 'take the folder as an argument',
  'Date.now': 'take the clock as an argument',
  'os.homedir': 'take the folder as an argument',
}

function checkAmbient(node: Node, text: string, add: (node: Node, message: string, remedy: string) => void): void {
  const source = text.slice(node.start, node.end)
  if (node.type === 'MemberExpression' && Object.hasOwn(ambient, source)) add(node, `core reaches for '${source}'`, ambient[source]!)
  if (node.type === 'MemberExpression' && /^console\.\w+$/.test(source)) add(node, `core prints with '${source}'`, 'report it through a callback')
  if (node.type === 'NewExpression' && /^new Date(\(\))?$/.test(source)) add(node, `core reads the clock with '${source}'`, ambient['Date.now']!)
  if (node.type === 'ImportSpecifier' && /^homedir\b/.test(source)) add(node, `core reaches for 'homedir'`, ambient['os.homedir']!)
}

const documented = ['FunctionDeclaration', 'ClassDeclaration', 'TSInterfaceDeclaration']

/**
 * What does something needs words: classes, functions, interfaces with methods.
 * Functions of one statement, types, constants and interfaces that only hold
 * values may speak for themselves, with a docstring on the fields that do not.
 */
function checkDocstrings({ file, text, program }: SourceFile): Problem[] {
  const problems: Problem[] = []
  for (const node of [program.body ?? []].flat()) {
    const declared = node.type === 'ExportNamedDeclaration' ? node.declaration : undefined
    if (!declared || !documented.includes(declared.type) || speaksForItself(declared)) continue
    if (text.slice(0, node.start).trimEnd().endsWith('*/')) continue
    const name = declared.id?.name ?? posix.basename(file)
    problems.push({ file, line: lineAt(text, node.start), message: `'${name}' is exported without a docstring`, remedy: 'say what it promises, in which units, and which errors it throws' })
  }
  return problems
}

function speaksForItself(declared: Node): boolean {
  const members = [declared.body ?? []].flat().flatMap((body) => [body.body ?? []].flat())
  if (declared.type === 'FunctionDeclaration') return members.length <= 1
  return declared.type === 'TSInterfaceDeclaration' && !members.some(({ type }) => type === 'TSMethodSignature')
}

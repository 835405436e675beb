import { posix } from 'node:path'
import { isProductFile, isTestFile, type Problem } from './tidy-problem.ts'
import { lineAt, visit, type Node } from './tidy-syntax.ts'

/** A source and its syntax tree; `file` is relative to the root. */
export interface SourceFile {
  file: string
  text: string
  program: Node
}

/** Which other folders the code of each folder may import; what is not here may import all. */
const layers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  handlers: ['#core'],
  protocol: ['#core'],
  vfs: ['#core'],
  server: ['#core', 'protocol'],
  cli: ['#core', 'core', 'handlers', 'protocol', 'vfs', 'server'],
  fixtures: ['#core', 'core', 'handlers', 'protocol', 'vfs', 'server'],
}

/** The one file through which each outside library enters. Types may be imported anywhere. */
export const libraryDoors: Readonly<Record<string, string>> = {
  '@aws-sdk/client-s3': 'server/s3-store.ts',
  '@dits/fastcdc': 'core/ingest/file-ingester.ts',
  '@moq/web-transport': 'protocol/webtransport-client.ts',
  '@napi-rs/blake-hash': 'core/hash.ts',
  '@peculiar/x509': 'server/certificate.ts',
  'ignore': 'core/worktree/patterns.ts',
  'msgpackr': 'core/objects/record.ts',
  'pino': 'server/log.ts',
  'prom-client': 'server/metrics.ts',
  'ws': 'protocol/websocket.ts',
  'yargs': 'cli/arguments.ts',
}

interface Import {
  /** What stands between the quotes. */
  target: string
  isType: boolean
  isDynamic: boolean
  start: number
}

/** Imports that break the layering, or take a library in by another door. */
export function checkImports({ file, text, program }: SourceFile): Problem[] {
  if (file.startsWith('core/fastcdc/')) return []
  return importsOf(program).flatMap((found) => {
    const complaint = isRelative(found.target) || found.target.startsWith('#') ? checkLayer(file, found) : checkLibrary(file, found)
    return complaint ? [{ file, line: lineAt(text, found.start), ...complaint }] : []
  })
}

/** Files that import each other in a ring. Types and dynamic imports do not count: they are not there at start. */
export function findCycles(files: readonly SourceFile[]): Problem[] {
  const edges = new Map(files.map(({ file, program }) => [file, staticTargets(file, program)]))
  const problems: Problem[] = []
  const settled = new Set<string>()
  const path: string[] = []
  const walk = (file: string) => {
    const at = path.indexOf(file)
    if (at >= 0) problems.push(cycleProblem(path.slice(at)))
    if (at >= 0 || settled.has(file)) return
    path.push(file)
    for (const target of edges.get(file) ?? []) walk(target)
    path.pop()
    settled.add(file)
  }
  for (const file of [...edges.keys()].sort()) walk(file)
  return problems
}

function cycleProblem(ring: readonly string[]): Problem {
  const first = ring[0]!
  return {
    file: first,
    line: 1,
    message: `an import cycle: ${[...ring, first].join(' -> ')}`,
    remedy: 'move what both need into a file of its own, or pass it in',
  }
}

function staticTargets(file: string, program: Node): string[] {
  return importsOf(program)
    .filter(({ target, isType, isDynamic }) => isRelative(target) && !isType && !isDynamic)
    .map(({ target }) => resolveTarget(file, target))
}

type Complaint = Pick<Problem, 'message' | 'remedy'>

function checkLayer(file: string, { target }: Import): Complaint | undefined {
  const own = folderOf(file)
  const folder = target.startsWith('#') ? target : folderOf(resolveTarget(file, target))
  if (isTestFile(file) || (!isProductFile(file) && own !== 'fixtures')) return undefined
  const allowed = layers[own]
  if (resolveTarget(file, target).startsWith('core/fastcdc/')) {
    return { message: `'${target}' goes around the package`, remedy: `import '@dits/fastcdc'` }
  }
  if (folder === own) return undefined
  if (allowed === undefined || allowed.includes(folder)) return undefined
  return { message: `${own} must not import '${target}'`, remedy: remedyFor(own, folder) }
}

function remedyFor(own: string, folder: string): string {
  if (folder === 'cli') return 'nothing imports cli: pass in what it knows'
  if (folder === 'core' && layers[own]?.includes('#core')) return `import it from core's door: '#core'`
  return `${own} may import only ${['itself', ...(layers[own] ?? [])].join(', ')}: move the code, or pass it in`
}

function checkLibrary(file: string, { target, isType }: Import): Complaint | undefined {
  if (target.startsWith('node:') || isType || !isProductFile(file)) return undefined
  const name = Object.keys(libraryDoors).find((library) => target === library || target.startsWith(`${library}/`))
  const door = name === undefined ? undefined : libraryDoors[name]
  if (door === file) return undefined
  if (door !== undefined) return { message: `'${target}' enters through ${door}`, remedy: 'import what that file exports' }
  return { message: `'${target}' has no door`, remedy: `add it to libraryDoors in test/tidy-imports.ts, with the one file that imports it; write Node's own modules as 'node:${target}'` }
}

function importsOf(program: Node): Import[] {
  const found: Import[] = []
  visit(program, (node) => {
    const target = node.source?.value
    if (typeof target !== 'string') return
    const kinds = (node.specifiers ?? []).map(({ importKind }) => importKind)
    const onlyTypes = kinds.length > 0 && kinds.every((kind) => kind === 'type')
    found.push({
      target,
      isType: node.importKind === 'type' || node.exportKind === 'type' || onlyTypes,
      isDynamic: node.type === 'ImportExpression',
      start: node.start,
    })
  })
  return found
}

function isRelative(target: string): boolean {
  return target.startsWith('./') || target.startsWith('../')
}

function resolveTarget(file: string, target: string): string {
  return posix.join(posix.dirname(file), target)
}

function folderOf(file: string): string {
  return file.split('/')[0]!
}

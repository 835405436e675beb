import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { bundle, root } from './bundle.ts'

/** Builds what is not up to date: first the chunker, then the bundle. Says only what it does. */
export async function prepare(): Promise<void> {
  await buildWhereStale({
    name: 'core/fastcdc/dist',
    sources: ['core/fastcdc/{package.json,build.mjs,*.ts,assembly/**}'],
    results: ['core/fastcdc/dist/index.js', 'core/fastcdc/dist/wasm.js'],
    build: buildChunker,
  })
  await buildWhereStale({
    name: 'dist',
    sources: ['package.json', '{cli,core,protocol,server,vfs,handlers}/**/*.ts'],
    results: ['dist/dits.js'],
    build: () => bundle(join(root, 'dist')),
  })
}

interface Product {
  /** The folder that is built, relative to the root. */
  name: string
  /** Patterns of what it is built from. */
  sources: readonly string[]
  /** Files that must be there afterwards. */
  results: readonly string[]
  build(): Promise<void> | void
}

/** Builds a product unless it was made from exactly these sources, which a stamp inside it records. */
async function buildWhereStale(product: Product): Promise<void> {
  const stamp = join(root, product.name, '.built-from')
  const sources = hashSources(product.sources)
  const isBuilt = product.results.every((file) => existsSync(join(root, file)))
  if (isBuilt && existsSync(stamp) && readFileSync(stamp, 'utf8') === sources) return
  console.log(`setup: building ${product.name}`)
  await product.build()
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, sources)
}

function hashSources(patterns: readonly string[]): string {
  const hash = createHash('sha256').update(process.version)
  const isSource = (file: string) => !/(^|\/)(node_modules|dist)\/|\.test\.ts$/.test(file)
  for (const file of globSync([...patterns], { cwd: root }).filter(isSource).sort()) {
    if (!/\.[a-z]+$/.test(file)) continue
    const bytes = readFileSync(join(root, file))
    hash.update(`${file} ${bytes.length}\n`).update(bytes)
  }
  return hash.digest('hex')
}

/** Runs the package's own build with the Node that runs this. */
function buildChunker(): void {
  const bins = [dirname(process.execPath), join(root, 'node_modules/.bin')]
  execFileSync(process.execPath, ['build.mjs'], {
    cwd: join(root, 'core/fastcdc'),
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PATH: [...bins, process.env['PATH']].join(delimiter) },
  })
}

if (process.argv[1] === import.meta.filename) await prepare()

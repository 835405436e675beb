/**
 * Builds dist/: `wasm.js` (the compiled module as base64, with its types),
 * then `index.js`, which holds everything in one file, and its declarations.
 * Plain JavaScript, so that it runs on every Node that the package supports.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const dist = join(here, 'dist')

mkdirSync(dist, { recursive: true })
const wasm = await compile()
writeFileSync(join(dist, 'wasm.js'), `export const wasmBase64 = '${Buffer.from(wasm).toString('base64')}'\n`)
writeFileSync(join(dist, 'wasm.d.ts'), 'export declare const wasmBase64: string\n')
await build({
  absWorkingDir: here,
  entryPoints: ['index.ts'],
  outfile: 'dist/index.js',
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  logLevel: 'warning',
})
declareTypes()
console.log(`@dits/fastcdc: ${wasm.length} bytes of WebAssembly`)

async function compile() {
  const sources = {
    'index.ts': readFileSync(join(here, 'assembly/index.ts'), 'utf8'),
    'gear.ts': gearSource(),
  }
  let binary
  const { error, stderr } = await asc.main(
    ['index.ts', '--outFile', 'out.wasm', '-O3', '--converge', '--runtime', 'stub', '--noAssert'],
    {
      readFile: (name) => sources[name] ?? null,
      writeFile: (_name, contents) => {
        binary = contents
      },
      listFiles: () => [],
    },
  )
  if (error) throw new Error(`the AssemblyScript does not compile\n${stderr}`, { cause: error })
  return binary
}

/**
 * The canonical gear table: entry i is the first 8 bytes, as a big-endian
 * integer, of the MD5 digest of 64 bytes that all equal i.
 */
function gearSource() {
  const entries = Array.from({ length: 256 }, (_, i) =>
    createHash('md5').update(Buffer.alloc(64, i)).digest('hex').slice(0, 16))
  return `export const gear = memory.data<u64>([${entries.map((hex) => `0x${hex}`).join(', ')}])\n`
}

function declareTypes() {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  const run = spawnSync(process.execPath, [tsc, '-p', here], { stdio: 'inherit' })
  if (run.status !== 0) throw new Error('the declarations could not be made')
}

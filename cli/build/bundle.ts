import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { verbTableSource } from './verb-table.ts'

/** Where the project lies. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Bundles dits into `outputFolder`: dits.js, one file for each worker under
 * the name of its source, and what they share in files beside them. All of it
 * is flat, because a worker is started by a URL relative to whichever file
 * starts it. Packages with native code stay outside and are found in
 * node_modules.
 */
export async function bundle(outputFolder: string): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const workers = globSync('{core,protocol,server,vfs,handlers}/**/*-worker.ts', { cwd: root, exclude: (path) => path.includes('node_modules') })
  const verbTable = await verbTableSource()
  const newFolder = `${outputFolder}.tmp`
  rmSync(newFolder, { recursive: true, force: true })
  await build({
    absWorkingDir: root,
    entryPoints: {
      dits: 'cli/main.ts',
      ...Object.fromEntries(workers.map((file) => [basename(file, '.ts'), file])),
    },
    outdir: newFolder,
    bundle: true,
    format: 'esm',
    splitting: true,
    platform: 'node',
    target: 'node24',
    chunkNames: '[name]-[hash]',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    logLevel: 'warning',
    define: { DITS_VERSION: JSON.stringify(version) },
    alias: { 'string-width': './cli/build/string-width.ts' },
    external: ['@napi-rs/*', 'msgpackr-extract', '*.node'],
    // Packages that were written for CommonJS ask for `require`.
    banner: { js: `import { createRequire as createRequireHere } from 'node:module'; const require = createRequireHere(import.meta.url);` },
    plugins: [
      {
        name: 'verb-table',
        setup: ({ onLoad }) => onLoad({ filter: /[\\/]cli[\\/]verbs\.ts$/ }, () => ({ contents: verbTable, loader: 'js' })),
      },
    ],
  })
  // Spares Node the search for the nearest package.json.
  writeFileSync(join(newFolder, 'package.json'), '{ "type": "module" }\n')
  // Only now, so that a failed build leaves the last good one.
  rmSync(outputFolder, { recursive: true, force: true })
  renameSync(newFolder, outputFolder)
  warmUp(outputFolder)
}

/** Starts dits once, so that the compile cache beside the bundle is filled by whoever may write there. */
function warmUp(outputFolder: string): void {
  const program = join(outputFolder, 'dits.js')
  for (const verb of ['help', 'version']) execFileSync(process.execPath, [program, verb, '--quiet'], { stdio: 'ignore' })
}

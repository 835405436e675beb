import { writeSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { readVersion } from './version.ts'

/**
 * Where dits starts. It loads as little as it can: `--version` is answered
 * here, and everything else is imported after the compile cache is on, so that
 * the second start of a verb finds its code compiled.
 */
const argv = process.argv.slice(2)
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
  writeSync(1, `dits ${readVersion()}\n`)
} else {
  if (import.meta.url.endsWith('.js')) turnOnCompileCache()
  countBuffersWithTheHeap()
  const { runCli } = await import('./run.ts')
  process.exit(await runCli(argv))
}

/**
 * The cache lies beside the bundle, where only who installed dits can write;
 * a shared folder such as /tmp would let others put code there. Another person
 * on the machine has a cache of their own, at home.
 */
function turnOnCompileCache(): void {
  const { enableCompileCache, constants } = module
  const beside = enableCompileCache(fileURLToPath(new URL('compile-cache', import.meta.url)))
  if (beside.status !== constants.compileCacheStatus.FAILED) return
  const cacheHome = process.env['XDG_CACHE_HOME'] || (process.env['HOME'] && `${process.env['HOME']}/.cache`)
  if (cacheHome) enableCompileCache(`${cacheHome}/dits`)
}

/**
 * Pieces of a stream are memory outside of V8's heap, which by itself collects
 * the whole heap for every 64 MB of them: 50 times for a gigabyte that arrives,
 * a quarter of all work. Counted with the heap, most die young. Later versions
 * of V8 may not know the setting, and would complain.
 */
function countBuffersWithTheHeap(): void {
  if (process.versions.v8.startsWith('13.')) setFlagsFromString('--external-memory-accounted-in-global-limit')
}

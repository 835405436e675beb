import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How to start this Node so that it finds a C library of at least 2.38, which the native part of @moq/web-transport needs. */
export interface ModernNode {
  command: string
  /** Before Node's own arguments. */
  args: string[]
}

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const libraries = 'usr/lib/x86_64-linux-gnu'
const loader = 'ld-linux-x86-64.so.2'

/**
 * This Node as it is where its C library is new enough. Otherwise through the
 * loader and the libraries of Debian 13, downloaded with apt into a folder of
 * their own and installed nowhere. Where that cannot be had either, the reason.
 */
export function findModernNode(): ModernNode | string {
  if (process.platform !== 'linux' || hasNewLibrary()) return { command: process.execPath, args: [] }
  if (process.arch !== 'x64') return 'needs glibc 2.38'
  const folder = join(tmpdir(), 'dits-test-glibc-trixie')
  const complaint = existsSync(join(folder, libraries, loader)) ? undefined : download(folder)
  if (complaint !== undefined) return `needs glibc 2.38: ${complaint}`
  const path = join(folder, libraries)
  return { command: join(path, loader), args: ['--library-path', path, process.execPath] }
}

function hasNewLibrary(): boolean {
  const { glibcVersionRuntime } = (process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }).header
  const [major = 0, minor = 0] = (glibcVersionRuntime ?? '0.0').split('.').map(Number)
  return major > 2 || (major === 2 && minor >= 38)
}

/** Fills `folder`, or says why that is not possible. Two at once do no harm: the first one wins. */
function download(folder: string): string | undefined {
  if (process.getuid?.() !== 0) return 'only root downloads packages'
  if (!existsSync(keyring) || spawnSync('apt-get', ['--version']).error) return 'there is no apt with the keys of Debian'
  const work = mkdtempSync(join(tmpdir(), 'dits-test-apt-'))
  try {
    for (const name of ['lists/partial', 'cache/archives/partial', 'packages', 'root']) mkdirSync(join(work, name), { recursive: true })
    writeFileSync(join(work, 'sources.list'), `deb [signed-by=${keyring}] ${debianMirror()} trixie main\n`)
    aptGet(work, 'update')
    aptGet(work, 'download', 'libc6', 'libstdc++6', 'libgcc-s1')
    for (const name of readdirSync(join(work, 'packages'))) execFileSync('dpkg-deb', ['-x', join(work, 'packages', name), join(work, 'root')], { stdio: 'pipe' })
    if (!existsSync(folder)) renameSync(join(work, 'root'), folder)
    return undefined
  } catch (error) {
    return `apt failed: ${(error as Error).message.split('\n')[0]}`
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The mirror that this machine uses already. */
function debianMirror(): string {
  const files = ['/etc/apt/sources.list', '/etc/apt/sources.list.d/debian.sources'].filter((file) => existsSync(file))
  const found = files.map((file) => /^(?:URIs:|deb)\s.*?(https?:\/\/\S*\/debian\/?)(?:\s|$)/m.exec(readFileSync(file, 'utf8'))?.[1])
  return found.find((url) => url !== undefined) ?? 'http://deb.debian.org/debian'
}

function aptGet(work: string, ...args: string[]): void {
  const options = {
    'Dir::Etc::sourcelist': join(work, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(work, 'lists'),
    'Dir::Cache': join(work, 'cache'),
    'APT::Sandbox::User': 'root',
  }
  const settings = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  execFileSync('apt-get', [...settings, '-qq', ...args], { cwd: join(work, 'packages'), stdio: 'pipe', timeout: 100_000 })
}

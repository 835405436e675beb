import { closeSync, openSync, readdirSync, readlinkSync, readSync, statSync } from 'node:fs'
import path from 'node:path'
import { toHex } from '../../core/bytes.ts'
import { createBlake3 } from '../../core/hash.ts'
import { formatCount, formatSize, formatTable } from '../format.ts'
import { DemoFailure } from './failure.ts'

/** A version as the demo saw it before dits did. */
export interface Version {
  title: string
  /** What every path held: the BLAKE3 of a file, or where a link leads. */
  content: Map<string, string>
  /** Bytes of all its files. */
  bytes: number
  /** Bytes in the store after it was committed. */
  storeBytes: number
}

/** Reads the working tree: what every path holds, the size of every file, and the bytes of all together. */
export function readWorkingTree(folder: string): { content: Map<string, string>; sizes: Map<string, number>; bytes: number } {
  const content = new Map<string, string>()
  const sizes = new Map<string, number>()
  let bytes = 0
  const visit = (below: string) => {
    for (const entry of readdirSync(path.join(folder, below), { withFileTypes: true })) {
      const name = path.join(below, entry.name)
      if (entry.isDirectory() && name !== '.dits') visit(name)
      if (entry.isSymbolicLink()) content.set(name, `-> ${readlinkSync(path.join(folder, name))}`)
      if (!entry.isFile()) continue
      const file = hashFile(path.join(folder, name))
      content.set(name, file.hash)
      sizes.set(name, file.size)
      bytes += file.size
    }
  }
  visit('')
  return { content, sizes, bytes }
}

/** Bytes of everything in the repository's own folder. */
export function measureStore(folder: string): number {
  return filesBelow(path.join(folder, '.dits')).reduce((sum, file) => sum + statSync(file).size, 0)
}

/** What a folder takes on disk: of files with holes, only what is there. */
export function measureDisk(folder: string): number {
  return filesBelow(folder).reduce((sum, file) => sum + statSync(file).blocks * 512, 0)
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
}

/** Throws a DemoFailure that names the first path that is not what it was in `version`. Answers how many files were compared. */
export function requireSame(folder: string, version: Version): number {
  const { content } = readWorkingTree(folder)
  for (const [name, expected] of version.content) {
    const found = content.get(name)
    if (found === undefined) throw new DemoFailure(`'${name}' of version '${version.title}' did not come back`)
    if (found !== expected) throw new DemoFailure(`'${name}' is not what it was in version '${version.title}': ${found} instead of ${expected}`)
  }
  for (const name of content.keys()) {
    if (!version.content.has(name)) throw new DemoFailure(`'${name}' is there though version '${version.title}' does not have it`)
  }
  return content.size
}

/** What each version cost, beside what copies of the whole folder would: lines of a table. */
export function costTable(versions: readonly Version[]): string[] {
  let copies = 0
  let before = 0
  const rows = versions.map(({ title, content, bytes, storeBytes }, i) => {
    copies += bytes
    const added = storeBytes - before
    before = storeBytes
    return [`${i + 1}  ${title}`, formatCount(content.size), formatSize(bytes), formatSize(copies), formatSize(storeBytes), `+ ${formatSize(added)}`]
  })
  const heads = ['version', 'files', 'size', 'as full copies', 'in the store', 'added']
  return formatTable([heads, ...rows], ['left', 'right', 'right', 'right', 'right', 'right'])
}

function hashFile(file: string): { hash: string; size: number } {
  const hash = createBlake3()
  const buffer = Buffer.allocUnsafe(1024 * 1024)
  const fd = openSync(file, 'r')
  let size = 0
  for (;;) {
    const length = readSync(fd, buffer)
    if (length === 0) break
    hash.update(buffer.subarray(0, length))
    size += length
  }
  closeSync(fd)
  return { hash: toHex(hash.digest()), size }
}

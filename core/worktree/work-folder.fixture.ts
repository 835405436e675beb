import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { pathFromText, pathToFs, type BytePath } from '../bytes.ts'
import { isErrno } from '../errors.ts'
import { blake3 } from '../hash.ts'
import { idFromBytes, type Id } from '../objects/id.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import type { EntryKind } from '../objects/tree-entry.ts'
import { baseRules } from './ignore.ts'
import { decodeIndex, type Index, type IndexEntry } from './index-file.ts'
import { IndexUpdate } from './index-update.ts'
import { compareWorktree, scanWorktree, type CompareOptions, type WorkChange } from './status.ts'

/** A temporary working tree for one test. Paths are byte strings, as in the code under test. */
export class WorkFolder {
  readonly root: string
  readonly objects = new MemoryObjects()

  constructor() {
    this.root = mkdtempSync(join(tmpdir(), 'dits-worktree-'))
    onTestFinished(() => rmSync(this.root, { recursive: true, force: true }))
  }

  at(path: string): string | Buffer {
    return pathToFs(`${pathFromText(this.root)}/${path}`)
  }

  write(path: string, content = path): void {
    try {
      writeFileSync(this.at(path), content, 'latin1')
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
      this.folder(path.slice(0, path.lastIndexOf('/')))
      writeFileSync(this.at(path), content, 'latin1')
    }
  }

  folder(path: string): void {
    mkdirSync(this.at(path), { recursive: true })
  }

  link(path: string, target: string): void {
    symlinkSync(target, this.at(path))
  }

  remove(path: string): void {
    rmSync(this.at(path), { recursive: true })
  }

  mode(path: string, mode: number): void {
    chmodSync(this.at(path), mode)
  }

  /** Everything that is there, as an index that was written long after. */
  async stage(writtenMs = laterMs): Promise<Index> {
    const update = new IndexUpdate(undefined, (kind, bytes) => this.objects.write(kind, bytes))
    for await (const batch of scanWorktree(this.root, { rules: baseRules() })) {
      for (const { path, kind, stat } of batch) {
        const bytes = this.#read(path, kind)
        const id = idFromBytes(blake3(bytes))
        const content = kind === 'directory' ? 'tree' : 'chunk'
        update.put({ path, kind, content, size: bytes.length, id, hash: id, stat })
      }
    }
    return decodeIndex(update.finish({ writtenMs }).bytes)
  }

  /** The differences from an index, one line each: the change, the path, and what is there. */
  async compare(index: Index, options: Partial<CompareOptions> = {}): Promise<string[]> {
    const lines: string[] = []
    for (const { change, path, kind = '' } of await this.changes(index, options)) {
      lines.push(`${change} ${path} ${kind}`.trim())
    }
    return lines
  }

  async changes(index: Index, options: Partial<CompareOptions> = {}): Promise<WorkChange[]> {
    const found: WorkChange[] = []
    for await (const batch of compareWorktree(this.root, index, { rules: baseRules(), ...options })) found.push(...batch)
    return found
  }

  #read(path: string, kind: EntryKind): Uint8Array {
    if (kind === 'directory') return new Uint8Array()
    return kind === 'symlink' ? readlinkSync(this.at(path), { encoding: 'buffer' }) : readFileSync(this.at(path))
  }

  mtimeMs(path: string): number {
    return lstatSync(this.at(path)).mtimeMs
  }
}

/** Long after anything in a test was written. */
export const laterMs = 9e12

/** An id that is different for each text. */
export function idOf(text: string): Id {
  return idFromBytes(blake3(Buffer.from(text)))
}

export function fileEntry(path: string, content = path): IndexEntry {
  const id = idOf(content)
  return { path: path as BytePath, kind: 'file', content: 'chunk', size: content.length, id, hash: id }
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Names that go wrong first where something is amiss. */
export const hardNames = [
  ...['with space', 'new\nline', pathFromText('emoji 🎬'), '\xff\xfe not utf-8', '\xdcmlaut'],
  ...["quo'te\"", '*?[x]', '-dash', '#hash', 'trail '],
]

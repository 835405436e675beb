import { lstatSync, mkdirSync, readdirSync, statfsSync } from 'node:fs'
import path from 'node:path'
import { writeContent } from '../fixtures/files.ts'
import { mp4Bytes } from '../fixtures/mp4.ts'
import { makeProject } from '../fixtures/project.ts'
import { makeSmallFiles } from '../fixtures/small-files.ts'

/** A file to measure with. */
export interface Material {
  path: string
  size: number
}

const projectBytes = 200e6

/** The regular files below a folder, in order, without those of a repository. */
export function filesBelow(folder: string): Material[] {
  const found: Material[] = []
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory() && entry.name !== '.dits') for (const one of filesBelow(file)) found.push(one)
    if (entry.isFile()) found.push({ path: file, size: lstatSync(file).size })
  }
  return found
}

export function totalBytes(files: readonly Material[]): number {
  return files.reduce((sum, { size }) => sum + size, 0)
}

/** The folder that the caller named, or a project of about `bytes` made in `scratch`. */
export async function materialFolder(named: string | undefined, options: { scratch: string; bytes: number; seed: number }): Promise<string> {
  if (named !== undefined) return path.resolve(named)
  const folder = path.join(options.scratch, 'material')
  await makeProject(folder, { seed: options.seed, scale: options.bytes / projectBytes })
  return folder
}

/** One movie of about `bytes`. */
export async function makeLargeFile(folder: string, bytes: number, seed: number): Promise<void> {
  await writeContent(path.join(folder, 'movie.mp4'), mp4Bytes(seed, bytes))
}

/** Movies of 5 to 80 MB, with 50 small files for each. */
export async function makeLargeTree(folder: string, bytes: number, seed: number): Promise<void> {
  mkdirSync(folder, { recursive: true })
  let made = 0
  for (let i = 0; made < bytes; i++) {
    made += await writeContent(path.join(folder, `reel-${String(i % 20).padStart(2, '0')}/take-${i}.mp4`), mp4Bytes(seed + i, 5e6 * (1 + (i % 16))))
    made += makeSmallFiles(path.join(folder, `notes-${i}`), { seed: seed + i, files: 50, folders: 5 })
  }
}

/** Throws where the file system of `folder` has less than `bytes` left. */
export function requireSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize < bytes) {
    throw new Error(`'${folder}' has ${Math.round((bavail * bsize) / 1e9)} GB left and ${Math.round(bytes / 1e9)} GB are needed; name another folder with --scratch`)
  }
}

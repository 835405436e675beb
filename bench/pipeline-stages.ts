import { closeSync, copyFileSync, mkdirSync, openSync, readSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createChunker } from '@dits/fastcdc'
import { pathFromText } from '../core/bytes.ts'
import { blake3, createBlake3 } from '../core/hash.ts'
import { ingestFiles } from '../core/ingest/ingest.ts'
import { profileSizes } from '../core/ingest/profile-sizes.ts'
import type { ProfileName } from '../core/objects/manifest.ts'
import { compress, looksCompressible } from '../core/pack/compress.ts'
import { createSharedKnown, KnownTable } from '../core/pack/known-table.ts'
import { codecs } from '../core/pack/pack-format.ts'
import { PackSet } from '../core/pack/pack-set.ts'
import { PackWriter } from '../core/pack/pack-writer.ts'
import { DiskStore } from '../core/store/disk-store.ts'
import type { Material } from './material.ts'
import { syncFolder } from './measure.ts'

/** What the stages work on. */
export interface Sample {
  folder: string
  files: readonly Material[]
  bytes: number
  /** The bytes of each file, in pieces of at most 2 MiB. */
  pieces: readonly (readonly Buffer[])[]
  /** A folder for what the stages write; it need not exist. */
  scratch: string
}

/** One stage: a run handles the whole sample once. */
export interface Stage {
  kind: 'limit' | 'stage' | 'whole'
  name: string
  /** Done before the clock starts. */
  prepare?: () => Promise<void> | void
  /** Answers how many bytes were stored, where it stores. */
  run: () => Promise<StageResult> | StageResult
  /** Things handled in a run, where there is a rate of them to tell. */
  items?: () => number
}

type StageResult = { storedBytes?: number } | void

const profiles: readonly ProfileName[] = ['video', 'general', 'project', 'small']
/** The profile whose chunks the stages after cutting work on. */
const stageProfile: ProfileName = 'general'

/** The stages in the order of their rows; the first is the one that the others are compared with. */
export function createStages(sample: Sample): Stage[] {
  const chunks = cutSample(sample, stageProfile)
  const ids = chunks.map((chunk) => blake3(chunk))
  const distinct = new Set(ids.map((id) => Buffer.from(id).toString('latin1'))).size
  const emptyScratch = () => {
    rmSync(sample.scratch, { recursive: true, force: true })
    mkdirSync(sample.scratch, { recursive: true })
  }
  let table: KnownTable
  const newTable = () => void (table = new KnownTable(createSharedKnown({ objects: ids.length, workers: 1, packs: 0 })))
  const claimAll = () => ids.forEach((id, i) => void table.claim(id, 0, i))
  return [
    { kind: 'limit', name: 'copy files, sync', prepare: emptyScratch, run: () => copyFiles(sample) },
    { kind: 'limit', name: 'memcpy', run: () => copyMemory(sample) },
    { kind: 'limit', name: 'BLAKE3 of a whole buffer, 1 thread', run: () => sample.pieces.forEach((pieces) => pieces.forEach(blake3)) },
    { kind: 'stage', name: 'read', run: () => readFiles(sample) },
    ...profiles.map((profile): Stage => ({ kind: 'stage', name: `copy in and cut, ${profile}`, run: () => void eachCut(sample, profile, () => {}) })),
    { kind: 'stage', name: 'hash whole files', run: () => hashWhole(sample) },
    ...profiles.map((profile) => hashStage(sample, profile)),
    { kind: 'stage', name: 'look up, all new', prepare: newTable, run: claimAll, items: () => ids.length },
    { kind: 'stage', name: 'look up, all known', prepare: () => (newTable(), claimAll()), run: claimAll, items: () => ids.length },
    { kind: 'stage', name: 'compress: the test alone', run: () => chunks.forEach((chunk) => void looksCompressible(chunk)), items: () => chunks.length },
    { kind: 'stage', name: 'compress: test and zstd', run: () => ({ storedBytes: chunks.reduce((sum, chunk) => sum + compress(chunk).payload.length, 0) }) },
    { kind: 'stage', name: 'append to packs, fsync', prepare: emptyScratch, run: () => appendAll(sample, chunks, ids), items: () => chunks.length },
    { ...ingestStage(sample, 1, emptyScratch), items: () => distinct },
    ...(os.availableParallelism() > 1 ? [ingestStage(sample, os.availableParallelism(), emptyScratch)] : []),
  ]
}

function copyFiles({ files, scratch }: Sample): void {
  files.forEach(({ path: file }, i) => copyFileSync(file, path.join(scratch, String(i))))
  syncFolder(scratch)
}

function copyMemory({ pieces }: Sample): void {
  const target = new Uint8Array(2 * 1024 * 1024)
  for (const file of pieces) for (const piece of file) target.set(piece)
}

function readFiles({ files }: Sample): void {
  const buffer = Buffer.allocUnsafeSlow(2 * 1024 * 1024)
  for (const { path: file } of files) {
    const fd = openSync(file, 'r')
    while (readSync(fd, buffer) > 0);
    closeSync(fd)
  }
}

function hashWhole({ pieces }: Sample): void {
  const hash = createBlake3()
  for (const file of pieces) {
    for (const piece of file) hash.update(piece)
    hash.digest()
    hash.reset()
  }
}

/** Cuts again before every run and lets go after it, so that one profile's chunks are held at a time. */
function hashStage(sample: Sample, profile: ProfileName): Stage {
  let chunks: Uint8Array[] = []
  let count = 0
  return {
    kind: 'stage',
    name: `hash each chunk, ${profile}`,
    prepare: () => {
      chunks = cutSample(sample, profile)
      count = chunks.length
    },
    run: () => {
      for (const chunk of chunks) blake3(chunk)
      chunks = []
    },
    items: () => count,
  }
}

async function appendAll({ scratch }: Sample, chunks: readonly Uint8Array[], ids: readonly Uint8Array[]): Promise<StageResult> {
  const store = await DiskStore.open(scratch)
  let packs = 0
  const writer = new PackWriter(store, { nextName: () => `bench-${packs++}` })
  let storedBytes = 0
  for (const [i, payload] of chunks.entries()) {
    writer.append({ kind: 'chunk', codec: codecs.plain, raw: payload.length, id: ids[i]!, payload })
    storedBytes += payload.length
    await writer.ready()
  }
  await writer.finish()
  await store.close()
  return { storedBytes }
}

/** Everything together as `dits add` does it, without the index of the working tree. */
function ingestStage({ folder, files, scratch }: Sample, threads: number, prepare: () => void): Stage {
  const jobs = files.map(({ path: file, size }) => ({ path: pathFromText(path.relative(folder, file)), size }))
  const run = async (): Promise<StageResult> => {
    const store = await DiskStore.open(scratch)
    const packs = await PackSet.open(store)
    const results = ingestFiles(jobs, { root: pathFromText(folder), store, storeFolder: scratch, packs, sessionName: 'bench', threads, withTimes: false, startedMs: Infinity })
    let next = await results.next()
    while (!next.done) next = await results.next()
    await store.close()
    return { storedBytes: next.value.storedBytes }
  }
  return { kind: 'whole', name: `all stages, ${threads} ${threads === 1 ? 'thread' : 'threads'}`, prepare, run }
}

/** The sample's chunks, as views of its pieces or, where a chunk spans two, copies. */
function cutSample(sample: Sample, profile: ProfileName): Uint8Array[] {
  const chunks: Uint8Array[] = []
  eachCut(sample, profile, (bytes) => chunks.push(bytes.slice()))
  return chunks
}

/** Cuts every file through one window, as adding does, and calls `onChunk` with each chunk where it lies in the window. */
function eachCut({ pieces }: Sample, profile: ProfileName, onChunk: (bytes: Uint8Array) => void): void {
  const { window, lengths, cut } = createChunker(profileSizes[profile])
  for (const file of pieces) {
    let carried = 0
    for (const [i, piece] of file.entries()) {
      window.set(piece, carried)
      const filled = carried + piece.length
      const count = cut(filled, i === file.length - 1)
      let start = 0
      for (let chunk = 0; chunk < count; chunk++) {
        onChunk(window.subarray(start, start + lengths[chunk]!))
        start += lengths[chunk]!
      }
      window.copyWithin(0, start, filled)
      carried = filled - start
    }
  }
}

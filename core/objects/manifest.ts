import { DitsError } from '../errors.ts'
import { objectBytesMax, segmentsMax } from '../limits.ts'
import { asBuffer, damaged, readId, readU64, writeId, writeU64 } from './columns.ts'
import type { Id } from './id.ts'
import { decodeListRoot } from './list-node.ts'

/** How a file was cut; see FORMAT.md, "Manifest". */
export type ProfileName = 'small' | 'project' | 'general' | 'video'

/** A part of the file: a run of the stored stream as it stands, or a deflate stream that is stored inflated. */
export type Segment =
  | { type: 'plain'; size: number }
  | {
      type: 'deflate'
      /** Which deflater makes the same bytes again; this version knows none. */
      codec: number
      /** Bytes of the file. */
      size: number
      /** Bytes of the stored stream. */
      stored: number
      /** What the deflater needs besides the stored bytes. */
      parameters: Uint8Array
    }

/** The recipe of one file. */
export interface Manifest {
  profile: ProfileName
  /** Bytes of the file. */
  size: number
  /** The plain BLAKE3 of the whole file. */
  hash: Id
  /** None where the file is the stored stream. */
  segments: Segment[]
  /** The root of the chunk list, encoded. */
  root: Uint8Array
}

const what = 'manifest'
const profiles: readonly ProfileName[] = ['small', 'project', 'general', 'video']
const headBytes = 48
const segmentBytes = 24

/** Encodes a manifest. One that contradicts itself is our own mistake and throws what decoding it would. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const problem = manifestProblem(manifest)
  if (problem) throw damaged(what, problem)
  const { profile, size, hash, segments, root } = manifest
  const buffer = Buffer.allocUnsafe(encodedBytes(manifest))
  buffer[0] = 1
  buffer[1] = profiles.indexOf(profile)
  buffer.writeUInt16LE(0, 2)
  buffer.writeUInt32LE(segments.length, 4)
  writeU64(buffer, size, 8)
  writeId(buffer, hash, 16)
  let at = headBytes
  for (const segment of segments) at = writeSegment(buffer, segment, at)
  buffer.set(root, at)
  return buffer
}

/**
 * Decodes a manifest; its root and parameters are views into `bytes`. Throws
 * `object-damaged` for anything but the canonical encoding.
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const buffer = asBuffer(bytes)
  if (buffer.length < headBytes || buffer.length > objectBytesMax) throw damaged(what, `it has ${buffer.length} bytes`)
  const profile = profiles[buffer.readUInt8(1)]
  const count = buffer.readUInt32LE(4)
  if (buffer[0] !== 1 || buffer.readUInt16LE(2) !== 0) throw damaged(what, 'its format is unknown')
  if (!profile) throw damaged(what, `profile ${buffer[1]} is unknown`)
  if (count > segmentsMax || headBytes + count * segmentBytes > buffer.length) {
    throw damaged(what, `it cannot have ${count} segments`)
  }
  const { segments, end } = readSegments(buffer, count)
  const manifest: Manifest = {
    profile,
    size: readU64(buffer, 8),
    hash: readId(buffer, 16),
    segments,
    root: buffer.subarray(end),
  }
  const problem = manifestProblem(manifest)
  if (problem) throw damaged(what, problem)
  return manifest
}

/** Throws `unsupported-segment` where this version cannot make the file from its stored stream. */
export function assertReadable(manifest: Manifest): void {
  const unknown = manifest.segments.find((segment) => segment.type === 'deflate')
  if (!unknown) return
  throw new DitsError('unsupported-segment', `the file '${manifest.hash}' is stored with codec ${unknown.codec}`, {
    hint: 'a newer version of dits can read it',
  })
}

function readSegments(buffer: Buffer, count: number): { segments: Segment[]; end: number } {
  const segments: Segment[] = []
  let at = headBytes
  for (let i = 0; i < count; i++) {
    if (at + segmentBytes > buffer.length) throw damaged(what, 'it ends early')
    const type = buffer.readUInt8(at)
    const codec = buffer.readUInt8(at + 1)
    const parameterBytes = buffer.readUInt16LE(at + 2)
    const size = readU64(buffer, at + 8)
    const stored = readU64(buffer, at + 16)
    if (type > 1 || buffer.readUInt32LE(at + 4) !== 0) throw damaged(what, `segment ${i} is of an unknown type`)
    const start = at + segmentBytes
    at = start + parameterBytes
    if (at > buffer.length) throw damaged(what, 'it ends early')
    if (type === 0) {
      if (codec !== 0 || parameterBytes !== 0 || size !== stored) throw damaged(what, `segment ${i} is not plain`)
      segments.push({ type: 'plain', size })
    } else {
      segments.push({ type: 'deflate', codec, size, stored, parameters: buffer.subarray(start, at) })
    }
  }
  return { segments, end: at }
}

function writeSegment(buffer: Buffer, segment: Segment, at: number): number {
  const plain = segment.type === 'plain'
  const parameters = plain ? new Uint8Array(0) : segment.parameters
  buffer[at] = plain ? 0 : 1
  buffer.writeUInt8(plain ? 0 : segment.codec, at + 1)
  buffer.writeUInt16LE(parameters.length, at + 2)
  buffer.writeUInt32LE(0, at + 4)
  writeU64(buffer, segment.size, at + 8)
  writeU64(buffer, plain ? segment.size : segment.stored, at + 16)
  buffer.set(parameters, at + segmentBytes)
  return at + segmentBytes + parameters.length
}

/** What makes a manifest impossible or not canonical; `undefined` where nothing does. */
function manifestProblem(manifest: Manifest): string | undefined {
  const { size, segments } = manifest
  const root = decodeListRoot(manifest.root)
  if (!Number.isSafeInteger(size)) return 'its size is too large'
  if (segments.length > segmentsMax || encodedBytes(manifest) > objectBytesMax) return 'it is too long'
  if (segments.length > 0) return segmentsProblem(manifest, root.size)
  if (root.size !== size) return 'its size is not that of its chunks'
  return root.rows < 2 ? 'a file of one chunk has no manifest' : undefined
}

function segmentsProblem({ size, segments }: Manifest, listSize: number): string | undefined {
  let made = 0
  let taken = 0
  let afterPlain = false
  for (const segment of segments) {
    if (segment.size === 0) return 'it has an empty segment'
    const plain = segment.type === 'plain'
    if (plain && afterPlain) return 'two plain segments follow each other'
    made += segment.size
    taken += plain ? segment.size : segment.stored
    afterPlain = plain
  }
  if (segments.length === 1 && afterPlain) return 'a plain segment stands alone'
  if (made !== size || taken !== listSize) return 'its sizes do not add up'
  return Number.isSafeInteger(taken) ? undefined : 'its sizes are too large'
}

function encodedBytes({ segments, root }: Manifest): number {
  let bytes = headBytes + root.length
  for (const segment of segments) {
    bytes += segmentBytes + (segment.type === 'plain' ? 0 : segment.parameters.length)
  }
  return bytes
}

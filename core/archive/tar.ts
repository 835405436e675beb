import { hasHighBytes, isUtf8Name, modeOf, type ArchiveEntry } from './archive-entry.ts'

/**
 * The bytes of tar archives in the pax interchange format (POSIX.1-2017, "pax",
 * sections "pax Header Block" and "ustar Interchange Format"). Names are
 * written as the bytes that they are. A name that is short enough stands in
 * the plain ustar header, which every program reads; a pax header is added for
 * what does not fit there: long names and links, names beyond ASCII (so that
 * programs which convert names know that they are UTF-8), sizes from 8 GiB,
 * and times that are no whole seconds.
 */

export const tarBlockBytes = 512
/** An archive is filled up to a multiple of this, as tapes had it and programs still expect. */
const recordBytes = 20 * tarBlockBytes

const typeFlags = { file: '0', executable: '0', symlink: '2', directory: '5' } as const
const nameBytesMax = 100
const prefixBytesMax = 155
const octalSizeMax = 8 ** 11 - 1
const nsPerSecond = 1_000_000_000n

/** The header blocks of one entry; `linkTarget` is the bytes of a symlink's target. The content and `tarPadding` follow. */
export function tarHeader(entry: ArchiveEntry, linkTarget = ''): Uint8Array {
  const name = entry.kind === 'directory' ? `${entry.path}/` : entry.path
  const size = entry.kind === 'file' || entry.kind === 'executable' ? entry.size : 0
  const place = placeName(name)
  const seconds = floorDivide(entry.mtimeNs, nsPerSecond)
  const records: [key: string, value: string][] = []
  if (!place || (hasHighBytes(name) && isUtf8Name(name))) records.push(['path', name])
  if (linkTarget.length > nameBytesMax || (hasHighBytes(linkTarget) && isUtf8Name(linkTarget))) records.push(['linkpath', linkTarget])
  if (size > octalSizeMax) records.push(['size', String(size)])
  if (seconds < 0n || seconds > octalSizeMax || seconds * nsPerSecond !== entry.mtimeNs) records.push(['mtime', timeText(entry.mtimeNs)])
  if (records.some(([, value]) => !isUtf8Name(value))) records.unshift(['hdrcharset', 'BINARY'])
  const header = ustarHeader({
    name: place?.name ?? name.slice(0, nameBytesMax),
    prefix: place?.prefix ?? '',
    mode: modeOf(entry.kind),
    size,
    seconds,
    type: typeFlags[entry.kind],
    linkTarget: linkTarget.slice(0, nameBytesMax),
  })
  return records.length === 0 ? header : Buffer.concat([paxHeader('x', records, seconds), header])
}

/** A header that says something about the whole archive, for `tar` to pass over. */
export function tarComment(comment: string): Uint8Array {
  return paxHeader('g', [['comment', comment]], 0n)
}

/** How many zero bytes follow content of `size` bytes. */
export function tarPadding(size: number): number {
  return (tarBlockBytes - (size % tarBlockBytes)) % tarBlockBytes
}

/** The end of an archive of `written` bytes. */
export function tarEnd(written: number): Uint8Array {
  const least = written + 2 * tarBlockBytes
  return Buffer.alloc(Math.ceil(least / recordBytes) * recordBytes - written)
}

interface UstarFields {
  name: string
  prefix: string
  mode: number
  size: number
  seconds: bigint
  type: string
  linkTarget: string
}

function ustarHeader({ name, prefix, mode, size, seconds, type, linkTarget }: UstarFields): Buffer {
  const block = Buffer.alloc(tarBlockBytes)
  block.write(name, 0, 'latin1')
  writeOctal(block, mode, 100, 8)
  writeOctal(block, 0, 108, 8)
  writeOctal(block, 0, 116, 8)
  if (size <= octalSizeMax) writeOctal(block, size, 124, 12)
  else writeLargeSize(block, size)
  writeOctal(block, Number(seconds < 0n || seconds > octalSizeMax ? 0n : seconds), 136, 12)
  block.fill(' ', 148, 156)
  block.write(type, 156, 'latin1')
  block.write(linkTarget, 157, 'latin1')
  block.write('ustar\0' + '00', 257, 'latin1')
  block.write('root', 265, 'latin1')
  block.write('root', 297, 'latin1')
  writeOctal(block, 0, 329, 8)
  writeOctal(block, 0, 337, 8)
  block.write(prefix, 345, 'latin1')
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** A pax header: a block that announces records of 'length key=value', and the records. */
function paxHeader(type: 'x' | 'g', records: readonly (readonly [key: string, value: string])[], seconds: bigint): Buffer {
  const body = Buffer.from(records.map(([key, value]) => paxRecord(key, value)).join(''), 'latin1')
  const name = type === 'g' ? 'pax_global_header' : './PaxHeaders/entry'
  const header = ustarHeader({ name, prefix: '', mode: 0o644, size: body.length, seconds, type, linkTarget: '' })
  return Buffer.concat([header, body, Buffer.alloc(tarPadding(body.length))])
}

/** The length counts itself, so a digit more may be needed for it. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return `${length}${rest}`
}

/** A name cut at a slash into the two fields that ustar has for it; `undefined` where it does not fit. */
function placeName(name: string): { name: string; prefix: string } | undefined {
  if (name.length <= nameBytesMax) return { name, prefix: '' }
  const slash = name.indexOf('/', name.length - nameBytesMax - 1)
  if (slash <= 0 || slash > prefixBytesMax || slash === name.length - 1) return undefined
  return { name: name.slice(slash + 1), prefix: name.slice(0, slash) }
}

function writeOctal(block: Buffer, value: number, at: number, width: number): void {
  block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1')
}

/** GNU tar's way for sizes that octal digits cannot hold, for programs that pass over pax headers. */
function writeLargeSize(block: Buffer, size: number): void {
  block.fill(0, 124, 136)
  block[124] = 0x80
  block.writeBigUInt64BE(BigInt(size), 128)
}

/** Seconds with the fraction that is there. */
function timeText(timeNs: bigint): string {
  const sign = timeNs < 0n ? '-' : ''
  const size = timeNs < 0n ? -timeNs : timeNs
  const fraction = String(size % nsPerSecond).padStart(9, '0').replace(/0+$/, '')
  return `${sign}${size / nsPerSecond}${fraction === '' ? '' : `.${fraction}`}`
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a < 0n && quotient * b !== a ? quotient - 1n : quotient
}

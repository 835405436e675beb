import { readFileSync } from 'node:fs'
import { pathFromText, type BytePath } from '../core/bytes.ts'

/**
 * Arguments are bytes, and Node has already turned those that are not UTF-8
 * into U+FFFD. Where that happened, this reads the bytes again from the
 * system (Linux only) and stands each stray byte as a lone surrogate, U+DC00
 * plus the byte (as PEP 383 does), so that no file is out of reach.
 */
export function recoverArguments(argv: readonly string[]): string[] {
  if (!argv.some((argument) => argument.includes('\ufffd'))) return [...argv]
  const original = readOwnArguments()
  return original && original.length >= argv.length ? original.slice(-argv.length).map(textFromBytes) : [...argv]
}

/** The byte string that an argument stands for. */
export function pathFromArgument(text: string): BytePath {
  if (!/[\udc80-\udcff]/.test(text)) return pathFromText(text)
  let bytes = ''
  for (const character of text) {
    const code = character.codePointAt(0)!
    bytes += code >= 0xdc80 && code <= 0xdcff ? String.fromCharCode(code - 0xdc00) : pathFromText(character)
  }
  return bytes as BytePath
}

/** The text of an argument's bytes, with stray bytes as lone surrogates. */
export function textFromBytes(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at)
    text += length === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : Buffer.from(bytes.subarray(at, at + length)).toString('utf8')
    at += Math.max(1, length)
  }
  return text
}

/** Bytes of the valid UTF-8 sequence at `at`; 0 where there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (length <= 1) return length
  const sequence = Buffer.from(bytes.subarray(at, at + length))
  return sequence.length === length && !sequence.toString('utf8').includes('\ufffd') ? length : sequence.equals(replacement) ? length : 0
}

const replacement = Buffer.from('\ufffd')

function readOwnArguments(): Buffer[] | undefined {
  let line: Buffer
  try {
    line = readFileSync('/proc/self/cmdline')
  } catch {
    return undefined
  }
  const parts: Buffer[] = []
  for (let start = 0; start < line.length; ) {
    const end = line.indexOf(0, start)
    if (end < 0) break
    parts.push(line.subarray(start, end))
    start = end + 1
  }
  return parts
}

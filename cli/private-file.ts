import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DitsError, isErrno } from '../core/errors.ts'
import { writeDurably } from '../core/store/durable-files.ts'
import { acquireFileLock } from '../core/store/file-lock.ts'

const lockWaitMs = 10_000
const explanation = '# Written by dits. A server and what belongs to it on each line.\n'

/**
 * A small file of the person's own with a name and a value on each line, which
 * nobody else can read. Empty lines and those that start with '#' are passed
 * over. Throws `private-file-damaged` for any other line.
 */
export async function readPrivateLines(file: string): Promise<Map<string, string>> {
  let text = ''
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error
  }
  const values = new Map<string, string>()
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, name, value] = /^(\S+) (\S+)\s*$/.exec(line) ?? []
    if (name === undefined || value === undefined) {
      // The line itself may hold a secret, and is not shown.
      throw new DitsError('private-file-damaged', `line ${index + 1} of '${file}' is not a server and a value`, { hint: 'mend the line, or remove it' })
    }
    values.set(name, value)
  }
  return values
}

/**
 * Changes such a file, one process at a time; a crash leaves the old one or
 * the new one. Throws `private-file-damaged`, and `repository-busy` where
 * another process holds it for long.
 */
export async function changePrivateLines<T>(file: string, change: (values: Map<string, string>) => T): Promise<T> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const lock = await acquireFileLock(`${file}.lock`, { waitMs: lockWaitMs })
  try {
    const values = await readPrivateLines(file)
    const result = change(values)
    await replacePrivate(file, explanation + [...values].map(([name, value]) => `${name} ${value}\n`).join(''))
    return result
  } finally {
    lock.release()
  }
}

async function replacePrivate(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.new`
  try {
    await writeDurably(temporary, Buffer.from(text), 0o600)
    await rename(temporary, file)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
}

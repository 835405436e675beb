import { randomBytes } from 'node:crypto'
import { mkdir, readFile, unlink } from 'node:fs/promises'
import { networkInterfaces, hostname } from 'node:os'
import { join } from 'node:path'
import { DitsError, isErrno, linkIfAbsent, writeDurably } from '#core'
import type { Certificate } from './certificate.ts'
import { fingerprintOf } from './fingerprint.ts'

const fileName = 'server.pem'
/** Clients remember the certificate by its fingerprint, so that it is to stay the same for as long as a server lives. */
const lifetimeDays = 3650
const dayMs = 24 * 60 * 60 * 1000

/**
 * The server's own certificate, kept with its key in `folder` in a file that
 * only its owner can read; made at the first start, for this machine's names
 * and addresses. Throws `certificate-damaged`.
 */
export async function openOwnCertificate(folder: string, nowMs: number): Promise<Certificate> {
  const file = join(folder, fileName)
  const kept = await readKept(file)
  if (kept) return kept
  const { makeCertificate } = await import('./certificate.ts')
  // A day back, for clients whose clocks are slow.
  const made = await makeCertificate({ hosts: hostsOfThisMachine(), notBeforeMs: nowMs - dayMs, days: lifetimeDays })
  if (await createPrivate(folder, file, made.privateKey + made.certificate)) return made
  return (await readKept(file))!
}

async function readKept(file: string): Promise<Certificate | undefined> {
  try {
    return splitPem(await readFile(file, 'latin1'), file)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

function splitPem(text: string, file: string): Certificate {
  try {
    const start = text.indexOf('-----BEGIN CERTIFICATE-----')
    const certificate = text.slice(start)
    return { certificate, privateKey: text.slice(0, start), fingerprint: fingerprintOf(certificate) }
  } catch (cause) {
    throw new DitsError('certificate-damaged', `'${file}' holds no certificate`, {
      hint: 'put it back from a backup; or remove it, and every client has to accept a new one',
      cause,
    })
  }
}

/** Whether the file was made; false where another process was faster. Whole or not at all, also after a crash. */
async function createPrivate(folder: string, file: string, text: string): Promise<boolean> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await writeDurably(temporary, Buffer.from(text), 0o600)
    return await linkIfAbsent(temporary, file)
  } finally {
    await unlink(temporary).catch(() => undefined)
  }
}

function hostsOfThisMachine(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((found) => (found ?? []).map(({ address }) => address.replace(/%.*$/, '')))
  return [...new Set([hostname(), 'localhost', '127.0.0.1', '::1', ...addresses])].filter((host) => host !== '')
}

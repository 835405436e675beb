import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeCertificate } from './certificate.ts'
import { fingerprintOf } from './fingerprint.ts'
import { openOwnCertificate } from './own-certificate.ts'

const now = Date.parse('2026-01-01T00:00:00Z')

describe('a certificate', () => {
  it('is made out to its hosts, for so many days, and never twice the same', async () => {
    const request = { hosts: ['build', 'localhost', '127.0.0.1', '::1'], notBeforeMs: now, days: 14 }
    const [first, second] = [await makeCertificate(request), await makeCertificate(request)]
    const read = new X509Certificate(first.certificate)
    expect(read.subjectAltName).toBe('DNS:build, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
    expect([Date.parse(read.validFrom), Date.parse(read.validTo)]).toEqual([now, now + 14 * 86_400_000])
    expect(read.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
    expect(read.ca).toBe(false)
    expect(read.verify(read.publicKey)).toBe(true)
    expect(first.fingerprint).toMatch(/^[0-9a-f]{64}$/)
    expect(first.fingerprint).not.toBe(second.fingerprint)
    expect(read.serialNumber).not.toBe(new X509Certificate(second.certificate).serialNumber)
  })

  it('serves TLS 1.3 to a client that trusts it, under its name and under its address', async () => {
    const { certificate, privateKey } = await makeCertificate({ hosts: ['localhost', '127.0.0.1'], notBeforeMs: Date.now() - 1000, days: 1 })
    const server = tls.createServer({ key: privateKey, cert: certificate }, (socket) => socket.end('good'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    for (const servername of ['localhost', '']) {
      const socket = tls.connect({ host: '127.0.0.1', port, servername, ca: certificate })
      await once(socket, 'secureConnect')
      expect([socket.authorized, socket.getProtocol()]).toEqual([true, 'TLSv1.3'])
      socket.destroy()
    }
    server.close()
  })
})

describe("a server's own certificate", () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dits-certificate-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('is made once, also where two processes start at the same moment, and kept where only its owner can read it', async () => {
    const place = join(folder, 'tls')
    const [first, second] = await Promise.all([openOwnCertificate(place, now), openOwnCertificate(place, now)])
    expect(second).toEqual(first)
    expect(await openOwnCertificate(place, now + 1e9)).toEqual(first)
    expect(readdirSync(place)).toEqual(['server.pem'])
    expect(statSync(join(place, 'server.pem')).mode & 0o777).toBe(0o600)
    expect(fingerprintOf(first.certificate)).toBe(first.fingerprint)
    expect(new X509Certificate(first.certificate).subjectAltName).toContain('DNS:localhost, IP Address:127.0.0.1')
  })

  it('that is damaged is not replaced behind the back of all clients', async () => {
    writeFileSync(join(folder, 'server.pem'), 'something else')
    await expect(openOwnCertificate(folder, now)).rejects.toMatchObject({ code: 'certificate-damaged' })
  })
})

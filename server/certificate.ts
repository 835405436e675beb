import './no-metadata.ts'
import { KeyObject, randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import { fingerprintOf } from './fingerprint.ts'

export interface CertificateRequest {
  /** Whom it is made out to: names and IP addresses by which clients reach the server. At least one. */
  hosts: readonly string[]
  /** When it begins to be good, in milliseconds since 1970, and for how many days. WebTransport takes 14 days at most. */
  notBeforeMs: number
  days: number
}

/** A certificate and its key. */
export interface Certificate {
  /** PEM. */
  certificate: string
  /** PEM (PKCS #8). A secret. */
  privateKey: string
  /** SHA-256 of the certificate's DER, as 64 hex digits: what clients keep and compare. */
  fingerprint: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 24 * 60 * 60 * 1000

/** Makes a new key (ECDSA P-256) and a certificate for it that vouches for itself. Takes a large library: imported when it is needed. */
export async function makeCertificate({ hosts, notBeforeMs, days }: CertificateRequest): Promise<Certificate> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }))),
  ]
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    // Positive and never the same: browsers refuse two certificates of one name and number.
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    name: [{ CN: [hosts[0]!] }],
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notBeforeMs + days * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions,
  })
  const certificate = `${made.toString('pem').trim()}\n`
  const privateKey = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString()
  return { certificate, privateKey, fingerprint: fingerprintOf(certificate) }
}

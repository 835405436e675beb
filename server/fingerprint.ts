import { X509Certificate } from 'node:crypto'

/** The SHA-256 of the DER of the first certificate in a PEM text, as 64 hex digits. Throws where there is none. */
export function fingerprintOf(pem: string | Buffer): string {
  return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()
}

import { createHash, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'

export interface TestCertificate {
  /** Both PEM. */
  certificate: string
  key: string
  /** SHA-256 of the certificate's DER, 64 hex digits. */
  fingerprint: string
}

const dayMs = 24 * 60 * 60 * 1000

/**
 * A certificate that nobody vouches for, for 127.0.0.1 and localhost: ECDSA
 * P-256 and ten days, as browsers want it to take its hash for trust. Its DER
 * is put together here (RFC 5280), which is short for just this one kind.
 */
export function createTestCertificate(): TestCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const toBeSigned = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ecdsaWithSha256(),
    name('dits test'),
    sequence(time(Date.now() - dayMs), time(Date.now() + 9 * dayMs)),
    name('dits test'),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(alternativeNames(['localhost'], [Buffer.from([127, 0, 0, 1])]))),
  )
  const signature = sign('sha256', toBeSigned, privateKey)
  const certificate = sequence(toBeSigned, ecdsaWithSha256(), bitString(signature))
  return {
    certificate: new X509Certificate(certificate).toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    fingerprint: createHash('sha256').update(certificate).digest('hex'),
  }
}

function ecdsaWithSha256(): Buffer {
  return sequence(objectId('2a8648ce3d040302'))
}

function name(commonName: string): Buffer {
  return sequence(der(0x31, sequence(objectId('550403'), der(0x0c, Buffer.from(commonName)))))
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '')
  return der(0x17, Buffer.from(`${digits.slice(2, 14)}Z`))
}

function alternativeNames(hosts: readonly string[], addresses: readonly Buffer[]): Buffer {
  const names = [...hosts.map((host) => der(0x82, Buffer.from(host))), ...addresses.map((address) => der(0x87, address))]
  return sequence(objectId('551d11'), der(0x04, sequence(...names)))
}

function objectId(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'))
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes)
}

function bitString(bytes: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.from([0]), bytes]))
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

/** A value with its tag and length. */
function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  const head = length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from(head), content])
}

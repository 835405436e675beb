import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

const secretPattern = /^dits_[A-Za-z0-9_-]{43}$/

/** What is stored of a token: enough to know it again, not enough to use it. */
export interface TokenHash {
  /** Names the token where people talk about it: the first 16 hex digits of the hash. */
  id: string
  /** SHA-256 of the secret, as 64 hex digits. A secret of 256 random bits needs no slow hash. */
  hash: string
}

/** A new secret: 'dits_' and 256 random bits in base64url. */
export function createSecret(): string {
  return `dits_${randomBytes(32).toString('base64url')}`
}

/** What to look a secret up by; `undefined` where it cannot be one. */
export function hashSecret(secret: string): TokenHash | undefined {
  if (!secretPattern.test(secret)) return undefined
  const hash = createHash('sha256').update(secret).digest('hex')
  return { id: hash.slice(0, 16), hash }
}

/** Whether two hashes are the same, in a time that does not tell where they differ. */
export function sameHash(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a, 'hex'), Buffer.from(b, 'hex')]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** A text without the secrets that may have got into it, whole or cut short. */
export function redactSecrets(text: string): string {
  return text.replace(/dits_[A-Za-z0-9_-]{10,}/g, 'dits_***')
}

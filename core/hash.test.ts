import { describe, expect, it } from 'vitest'
import { blake3, blake3Text, createBlake3, createDerivedBlake3 } from './hash.ts'

/** The answer of the BLAKE3 specification's test vectors for the empty input. */
const ofNothing = 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'

describe('BLAKE3', () => {
  it('gives 32 bytes, or the same as text', () => {
    const bytes = blake3(new Uint8Array())
    expect(bytes.length).toBe(32)
    expect(Buffer.from(bytes).toString('hex')).toBe(ofNothing)
    expect(blake3Text(new Uint8Array())).toBe(ofNothing)
  })

  it('gives the same whole or piece by piece, and again after a reset', () => {
    const hash = createBlake3()
    for (let round = 0; round < 2; round++) {
      hash.reset()
      hash.update(Buffer.from('one, '))
      hash.update(Buffer.from('two'))
      expect(hash.digest()).toEqual(blake3(Buffer.from('one, two')))
    }
  })

  it('gives something else under each context', () => {
    const digests = ['a', 'b'].map((context) => Buffer.from(createDerivedBlake3(context).digest()).toString('hex'))
    expect(new Set([...digests, ofNothing]).size).toBe(3)
  })
})

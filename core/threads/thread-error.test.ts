import { openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { DitsError, isErrno } from '../errors.ts'
import { packError, unpackError } from './thread-error.ts'

const across = (error: unknown) => unpackError(structuredClone(packError(error)))

function errorOf(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

describe('an error of a thread', () => {
  it('keeps its code and hint', () => {
    const error = across(new DitsError('pack-damaged', "pack 'p' is damaged", { hint: 'run: dits fsck' }))
    expect(error).toBeInstanceOf(DitsError)
    expect(error).toMatchObject({ code: 'pack-damaged', message: "pack 'p' is damaged", hint: 'run: dits fsck' })
  })

  it('of the system stays one', () => {
    const original = errorOf(() => openSync('/nowhere/at/all', 'r'))
    const error = across(original)
    expect(isErrno(error, 'ENOENT')).toBe(true)
    expect(error).toMatchObject({ syscall: 'open', path: '/nowhere/at/all', stack: (original as Error).stack })
  })

  it('that nobody expected says where it arose', () => {
    const original = new TypeError('a fault')
    const error = across(original)
    expect(error).not.toBeInstanceOf(DitsError)
    expect(error).toMatchObject({ message: 'a fault', stack: original.stack })
    expect('code' in error).toBe(false)
    expect(across('text').message).toBe('text')
  })
})

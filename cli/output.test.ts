import { describe, expect, it } from 'vitest'
import { openOutput, OutputClosed } from './output.ts'

/** Writes at most `most` bytes at a time, and keeps them. */
function slowWriter(most: number) {
  const pieces: Buffer[] = []
  return {
    pieces,
    writeSome(bytes: Uint8Array) {
      const piece = Buffer.from(bytes.subarray(0, most))
      pieces.push(piece)
      return piece.length
    },
  }
}

describe('an output', () => {
  it('collects small pieces and writes everything in order', () => {
    const { pieces, writeSome } = slowWriter(1 << 20)
    const output = openOutput(-1, { writeSome })
    for (let line = 0; line < 20_000; line++) output.line(`line ${line}`)
    output.flush()
    output.flush()
    expect(pieces.length).toBeLessThan(10)
    const lines = Buffer.concat(pieces).toString().split('\n')
    expect([lines.length, lines[0], lines.at(-2)]).toEqual([20_001, 'line 0', 'line 19999'])
  })

  it('writes on where only a part was taken', () => {
    const { pieces, writeSome } = slowWriter(3)
    const output = openOutput(-1, { writeSome })
    output.write('0123456789')
    output.flush()
    expect(Buffer.concat(pieces).toString()).toBe('0123456789')
  })

  it('tries again where a pipe is full', () => {
    let calls = 0
    const output = openOutput(-1, {
      writeSome(bytes) {
        if (++calls === 1) throw Object.assign(new Error('full'), { code: 'EAGAIN' })
        return bytes.length
      },
    })
    output.write('x')
    output.flush()
    expect(calls).toBe(2)
  })

  it('ends the command where the reader went away, at every later write too', () => {
    const output = openOutput(-1, {
      writeSome() {
        throw Object.assign(new Error('gone'), { code: 'EPIPE' })
      },
    })
    output.write('x')
    expect(() => output.flush()).toThrow(OutputClosed)
    expect(() => output.write('y')).toThrow(OutputClosed)
    output.flush()
  })

  it('may be handed a buffer that is used again', () => {
    const { pieces, writeSome } = slowWriter(100)
    const output = openOutput(-1, { writeSome })
    const buffer = Buffer.from('ab')
    output.write(buffer)
    buffer.fill('z')
    output.flush()
    expect(Buffer.concat(pieces).toString()).toBe('ab')
  })

  it('writes JSON by the line, also with bigints', () => {
    const { pieces, writeSome } = slowWriter(100)
    const output = openOutput(-1, { writeSome })
    output.json({ size: 5, mtimeNs: 1n << 60n })
    output.flush()
    expect(Buffer.concat(pieces).toString()).toBe('{"size":5,"mtimeNs":"1152921504606846976"}\n')
  })
})

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

  it('pours pieces of any size in order, also where only parts are taken', async () => {
    const taken: Buffer[] = []
    let calls = 0
    const output = openOutput(-1, {
      writeSome: (bytes) => taken.push(Buffer.from(bytes)) && bytes.length,
      async writePieces(pieces) {
        if (++calls % 3 === 0) throw Object.assign(new Error('full'), { code: 'EAGAIN' })
        const all = Buffer.concat(pieces)
        const part = all.subarray(0, Math.ceil(all.length * 0.9))
        taken.push(Buffer.from(part))
        return part.length
      },
    })
    const expected: Buffer[] = [Buffer.from('before')]
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (const size of [0, 1, 70_000, 2_000_000, 5, ...Array<number>(600).fill(3)]) {
        expected.push(Buffer.alloc(size, expected.length))
        yield expected.at(-1)!
      }
    }
    output.write('before')
    await output.pour(pieces())
    expect(Buffer.concat(taken).equals(Buffer.concat(expected))).toBe(true)
  })

  it('stops asking for pieces where the reader went away', async () => {
    const output = openOutput(-1, { writePieces: () => Promise.reject(Object.assign(new Error('gone'), { code: 'EPIPE' })) })
    let asked = 0
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (; asked < 1000; asked++) yield Buffer.alloc(600_000)
    }
    await expect(output.pour(pieces())).rejects.toThrow(OutputClosed)
    expect(asked).toBeLessThan(10)
    expect(() => output.write('y')).toThrow(OutputClosed)
  })
})

import { describe, expect, it } from 'vitest'
import { pathFromText } from '../bytes.ts'
import { extensionsOf, fileTypes, isLockable, profileFor, profileSampleBytes } from './profiles.ts'

const byName = (name: string): string => profileFor(pathFromText(name))
const byBytes = (text: string): string => profileFor(pathFromText('unknown'), Buffer.from(text, 'latin1'))

describe('the profile of a file', () => {
  it('is chosen by its name', () => {
    const cases = {
      ...{ 'A001.MXF': 'video', 'a.b.mp4': 'video', 'x/scene.blend': 'project', 'f.0001.exr': 'project' },
      ...{ 'cut.fcpxml': 'small', 'mix.wav': 'general', '.gitignore': 'small' },
    }
    for (const [name, profile] of Object.entries(cases)) expect(byName(name), name).toBe(profile)
    expect(byName('folder.mov/unknown')).toBe('general')
    expect(profileFor(pathFromText('a.mp4'), Buffer.from('plain text'))).toBe('video')
  })

  it('is chosen by its first bytes where the name says nothing', () => {
    expect(byBytes('\0\0\0\x20ftypisom')).toBe('video')
    expect(byBytes('\0\0\0\x20ftypheic')).toBe('general')
    expect(byBytes('RIFF....AVI LIST')).toBe('video')
    expect(byBytes('RIFF....WAVEfmt \x10\0\0\0')).toBe('general')
    expect(byBytes('8BPS\0\x01')).toBe('project')
    expect(byBytes('some text\n')).toBe('small')
    expect(byBytes('')).toBe('small')
    expect(byBytes('some\0text')).toBe('general')
    expect(byBytes('caf\xe9 in latin1')).toBe('general')
  })

  it('tells MPEG from TypeScript by the bytes', () => {
    const packets = Buffer.alloc(188 * 3)
    for (let at = 0; at < packets.length; at += 188) packets[at] = 0x47
    expect(profileFor(pathFromText('a.ts'), packets)).toBe('video')
    expect(profileFor(pathFromText('a.ts'), Buffer.from('export const x = 1\n'))).toBe('small')
  })

  it('does not depend on where the sample cuts a character', () => {
    for (const pad of [0, 1, 2, 3]) {
      const text = Buffer.from('x'.repeat(pad) + 'é🎬'.repeat(2000)).subarray(0, profileSampleBytes)
      expect(profileFor(pathFromText('unknown'), text)).toBe('small')
    }
  })

  it('follows the attributes before anything else', () => {
    expect(profileFor(pathFromText('a.mp4'), undefined, { profile: 'small' })).toBe('small')
  })

  it('has a table without doubles, sorted', () => {
    const all = fileTypes.flatMap(extensionsOf)
    expect(new Set(all).size).toBe(all.length)
    for (const types of fileTypes) expect(extensionsOf(types)).toEqual(extensionsOf(types).sort())
    for (const extension of all) expect(extension).toMatch(/^[a-z0-9]+$/)
  })
})

describe('whether a file asks to be locked', () => {
  it('follows its type unless the attributes say', () => {
    const asks = ['a.psd', 'a.srt', 'a'].filter((name) => isLockable(pathFromText(name)))
    expect(asks).toEqual(['a.psd'])
    expect(isLockable(pathFromText('a.psd'), { lockable: false })).toBe(false)
    expect(isLockable(pathFromText('a.srt'), { lockable: true })).toBe(true)
  })
})

import { describe, expect, it } from 'vitest'
import { pathFromText, rootPath, type BytePath } from '../bytes.ts'
import { AttributeRules, WorktreeAttributes } from './attributes.ts'
import { WorkFolder } from './work-folder.fixture.ts'

const of = (text: string, path: string): object => new AttributeRules().enter(rootPath, text).of(pathFromText(path))

describe('attributes', () => {
  it('are read by pattern, and the last line that matches decides for each word', () => {
    const text = '# comment\n*.psd lockable handler=psd\n\n*.psd profile=general\nold/*.psd -lockable\n'
    expect(of(text, 'a/b.psd')).toEqual({ lockable: true, handler: 'psd', profile: 'general' })
    expect(of(text, 'old/b.psd')).toEqual({ lockable: false, handler: 'psd', profile: 'general' })
    expect(of(text, 'b.png')).toEqual({})
  })

  it('speak of everything below a folder that a pattern names', () => {
    expect(of('footage/ profile=video', 'footage/day 1/clip')).toEqual({ profile: 'video' })
    expect(of('/footage lockable', 'a/footage/clip')).toEqual({})
  })

  it('may have spaces and quotes in a pattern', () => {
    expect(of('"my \\"best\\" *.mov" lockable', 'my "best" clip.mov')).toEqual({ lockable: true })
    expect(of('é*.mov lockable', 'x/é1.mov')).toEqual({ lockable: true })
  })

  it('say what is wrong in a file and leave such lines out', () => {
    const rules = new AttributeRules().enter('a' as BytePath, '* lockabel\n*.x profile=huge\n!b lockable\nc handler=\n*.y lockable\n')
    expect(rules.problems).toEqual([
      "line 1 of 'a/.ditsattributes': 'lockabel' is not an attribute",
      "line 2 of 'a/.ditsattributes': 'profile=huge' is not an attribute",
      "line 3 of 'a/.ditsattributes': '!b': a pattern here cannot start with '!'",
      "line 4 of 'a/.ditsattributes': 'handler=' is not an attribute",
    ])
    expect(rules.of('a/q.y' as BytePath)).toEqual({ lockable: true })
  })

  it('come from the files of all folders on the way, the innermost last', () => {
    const tree = new WorkFolder()
    tree.write('.ditsattributes', '*.mov lockable profile=video\n')
    tree.write('a/b/.ditsattributes', '*.mov -lockable\n/only handler=h\n')
    const attributes = new WorktreeAttributes(tree.root)
    const ask = (path: string): object => attributes.of(path as BytePath)
    expect(ask('a/b/c/x.mov')).toEqual({ lockable: false, profile: 'video' })
    expect(ask('a/x.mov')).toEqual({ lockable: true, profile: 'video' })
    expect(ask('a/b/only')).toEqual({ handler: 'h' })
    expect(ask('only')).toEqual({})
  })

  it('complain of each line that has no effect, once for each file', () => {
    const tree = new WorkFolder()
    tree.write('.ditsattributes', '*.exr profile=smal\n')
    tree.write('a/.ditsattributes', '*.mov lockabel\n')
    const problems: string[] = []
    const attributes = new WorktreeAttributes(tree.root, { onProblem: (problem) => void problems.push(problem) })
    for (const path of ['a/b/x.exr', 'a/y.exr', 'z.exr']) attributes.of(path as BytePath)
    expect(problems).toEqual(["line 1 of '.ditsattributes': 'profile=smal' is not an attribute", "line 1 of 'a/.ditsattributes': 'lockabel' is not an attribute"])
  })
})

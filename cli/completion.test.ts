import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { itWith } from '../test/tools.ts'
import { bashScript, fishScript, zshScript, type CompletedVerb } from './completion-scripts.ts'

const verbs: CompletedVerb[] = [
  { name: 'add', summary: `Stage what you changed, "as it is"`, options: ['--all', '--json', '-a'] },
  { name: 'commit', summary: `Record what's staged`, options: ['--message', '-m'] },
  { name: 'completion', summary: 'Complete', options: [] },
  { name: 'help', summary: 'Explain', options: [] },
]

/** What bash would offer for the last of these words. */
function completeInBash(...words: string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ')
  const program = `${bashScript(verbs)}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _dits; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = spawnSync('bash', ['-c', program], { encoding: 'utf8' })
  expect(stderr).toBe('')
  return stdout.split('\n').filter(Boolean)
}

describe('completion', () => {
  itWith('bash', 'offers verbs, their options and nothing else in bash', () => {
    expect(completeInBash('dits', 'co')).toEqual(['commit', 'completion'])
    expect(completeInBash('dits', '-C', 'folder', 'add', '--')).toEqual(['--all', '--json'])
    expect(completeInBash('dits', 'add', '--all', 'f')).toEqual([])
    expect(completeInBash('dits', 'help', 'ad')).toEqual(['add'])
    expect(completeInBash('dits', 'completion', 'z')).toEqual(['zsh'])
  })

  itWith('zsh', 'is a script that zsh can read', () => {
    expect(spawnSync('zsh', ['-n'], { input: zshScript(verbs), encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  })

  itWith('fish', 'offers verbs and their options in fish', () => {
    const offered = (line: string) => spawnSync('fish', ['-c', `${fishScript(verbs)}\ncomplete -C '${line}'`], { encoding: 'utf8' }).stdout
    expect(offered('dits comm')).toBe(`commit\tRecord what's staged\n`)
    expect(offered('dits add --a')).toBe('--all\n')
  })

  it('keeps quotes of summaries apart from those of the shell', () => {
    expect(zshScript(verbs)).toContain(`'commit:Record what'\\''s staged'`)
  })
})

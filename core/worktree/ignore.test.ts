import { execFileSync, spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { pathFromText, type BytePath } from '../bytes.ts'
import { baseRules, whyIgnored } from './ignore.ts'
import { scanWorktree } from './status.ts'
import { hardNames, seededRandom, WorkFolder } from './work-folder.fixture.ts'

async function scanned(tree: WorkFolder, rules = baseRules()): Promise<string[]> {
  const paths: string[] = []
  for await (const batch of scanWorktree(tree.root, { rules })) paths.push(...batch.map(({ path }) => path))
  return paths.filter((path) => !path.includes('ignore'))
}

describe('ignore rules', () => {
  it('follow gitignore in every folder', async () => {
    const tree = new WorkFolder()
    tree.write('.gitignore', '*.log\n/only-here\nsub/bound\n# comment\n\\#real\ntrailing   \n!keep.log\nfolder/\n')
    tree.write('sub/.gitignore', '!again.log\n/only-sub\n')
    for (const path of ['a.log', 'keep.log', 'only-here', '#real', 'trailing', 'folder/in', 'ok']) tree.write(path)
    for (const path of ['only-here', 'bound', 'x.log', 'again.log', 'only-sub', 'deep/only-sub', 'deep/folder']) tree.write(`sub/${path}`)
    expect(await scanned(tree)).toEqual(['keep.log', 'ok', 'sub/again.log', 'sub/deep/folder', 'sub/deep/only-sub', 'sub/only-here'])
  })

  it('let .ditsignore overrule .gitignore in the same folder, and inner folders both', async () => {
    const tree = new WorkFolder()
    tree.write('.gitignore', 'a\n!b\n')
    tree.write('.ditsignore', '!a\nb\n')
    tree.write('sub/.gitignore', '!b\na\n')
    for (const path of ['a', 'b', 'sub/a', 'sub/b']) tree.write(path)
    expect(await scanned(tree)).toEqual(['a', 'sub/b'])
  })

  it('do not bring back what lies in an ignored folder', async () => {
    const tree = new WorkFolder()
    tree.write('.ditsignore', 'out\n!out/kept\nmost/*\n!most/kept\n')
    for (const path of ['out/kept', 'most/kept', 'most/lost']) tree.write(path)
    expect(await scanned(tree)).toEqual(['most/kept'])
  })

  it('ignore system rubbish and other version control unless told otherwise', async () => {
    const tree = new WorkFolder()
    for (const path of ['.git/config', '.DS_Store', 'a/Thumbs.db', 'a/x', '.dits/config']) tree.write(path)
    expect(await scanned(tree)).toEqual(['a/x'])
    tree.write('.ditsignore', '!.DS_Store\n!.git\n!.dits\n')
    expect(await scanned(tree)).toEqual(['.DS_Store', '.git/config', 'a/x'])
  })

  it('take in what the user says for all repositories', async () => {
    const tree = new WorkFolder()
    for (const path of ['a.bak', 'b.bak']) tree.write(path)
    tree.write('.ditsignore', '!b.bak\n')
    expect(await scanned(tree, baseRules({ userText: '*.bak\r\n' }))).toEqual(['b.bak'])
  })

  it('fold case only where the file system does', async () => {
    const tree = new WorkFolder()
    tree.write('.ditsignore', '*.LOG\n')
    tree.write('a.log')
    expect(await scanned(tree)).toEqual(['a.log'])
    expect(await scanned(tree, baseRules({ foldsCase: true }))).toEqual([])
  })

  it('do not follow an ignore file that is a symlink', async () => {
    const tree = new WorkFolder()
    tree.write('patterns', 'a\n')
    tree.write('a')
    tree.link('.ditsignore', 'patterns')
    expect(await scanned(tree)).toEqual(['a', 'patterns'])
  })

  it('match folders with names of any bytes', async () => {
    const tree = new WorkFolder()
    for (const name of hardNames) {
      tree.write(`${name}/.ditsignore`, '/bound\nfree\n')
      for (const path of ['bound', 'free', 'in/free', 'in/bound']) tree.write(`${name}/${path}`)
    }
    expect(await scanned(tree)).toEqual([...hardNames].sort().map((name) => `${name}/in/bound`))
  })

  it('answer for one path', () => {
    const tree = new WorkFolder()
    tree.write('.ditsignore', '# what is rendered\nout\n')
    tree.write('a/.ditsignore', '*.tmp\n')
    const base = baseRules({ userText: 'mine\n' })
    const ask = (path: string, isFolder = false) => whyIgnored(tree.root, path as BytePath, isFolder, base)
    const out = `'.ditsignore', line 2`
    expect([ask('out', true), ask('out/deep/x'), ask('a/x.tmp')]).toEqual([out, out, `'a/.ditsignore', line 1`])
    expect([ask('a/mine'), ask('b/.git', true)]).toEqual(['your own ignore file, line 1', 'a rule of dits itself'])
    expect([ask('x.tmp'), ask('a/b/c')]).toEqual([undefined, undefined])
  })

  it('refuse an ignore file of more than a megabyte', async () => {
    const tree = new WorkFolder()
    tree.write('.ditsignore', 'x'.repeat(2 ** 20 + 1))
    await expect(scanned(tree)).rejects.toMatchObject({ code: 'rules-too-large' })
  })

  const hasGit = spawnSync('git', ['--version']).status === 0
  it.skipIf(!hasGit)('ignore what git ignores, for many random rules', async () => {
    const seed = 4711
    const random = seededRandom(seed)
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
    const names = ['a', 'b', 'c', 'ac', 'bc', '!x', pathFromText('éa')]
    const patterns = [
      ...['a', 'b/', '/a', '/b', 'a/b', '*', 'a*', '*c', '**/c', 'a/**', 'b/**/c', 'b/*'],
      ...['!a', '!c', '!b/', '!*c', '!/b/a', '[ab]c', '?', pathFromText('é?'), '\\!x'],
    ]
    for (let round = 0; round < 25; round++) {
      const tree = new WorkFolder()
      for (let k = 0; k < 25; k++) {
        const path = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(names)).join('/')
        try {
          tree.write(path)
        } catch {
          // A file is where this needs a folder, or the other way round.
        }
      }
      for (const folder of ['', 'a/', 'b/', 'a/b/']) {
        try {
          if (random() < 0.6) tree.write(`${folder}.gitignore`, [pick(patterns), pick(patterns), pick(patterns)].join('\n'))
        } catch {
          // A file is where the folder would be.
        }
      }
      execFileSync('git', ['init', '-q', tree.root])
      const list = ['-C', tree.root, 'ls-files', '-o', '-z', '--exclude-per-directory=.gitignore']
      const listed = execFileSync('git', list, { encoding: 'latin1' })
      const expected = listed.split('\0').filter((path) => path !== '' && !path.includes('ignore'))
      const found: string[] = []
      for await (const batch of scanWorktree(tree.root, { rules: baseRules() })) {
        found.push(...batch.filter(({ kind }) => kind !== 'directory').map(({ path }) => path))
      }
      expect(found.filter((path) => !path.includes('ignore')).sort(), `seed ${seed}, round ${round}`).toEqual(expected.sort())
    }
  }, 60_000)
})

import { appendFileSync, chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRandom } from '../../fixtures/random.ts'
import type { ScenarioName } from './crash-messages.ts'
import { dits, lastOutput } from './dits-in-process.ts'

/** A command, and the repository that it starts from. */
export interface Scenario {
  /** Builds the repository in an empty folder. */
  prepare(root: string): Promise<void>
  argv: string[]
  exitCode?: number
  /** When the command runs, in the form of DITS_NOW. */
  clock?: string
  /** What it does depends on how often it is run, so that a second run need not end where the first should have. */
  notAgain?: boolean
  /** Before the command there is nothing that could be read. */
  unreadable?: boolean
  /** Files and refs of these names may be left behind by a crash, and stay until someone removes them. */
  leftovers?: RegExp
  /** Every how many calls one is tried, where each run takes long; by default all are. */
  stride?: number
}

export const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  'add of new files': {
    prepare: async (root) => {
      await twoCommits(root)
      writeNewFiles(root)
    },
    argv: ['add', '.'],
  },
  'add of changed and removed files': {
    prepare: async (root) => {
      await twoCommits(root)
      changeFiles(root)
    },
    argv: ['add', '--all'],
  },
  // 16 MiB is where add starts threads; each writes a pack of its own.
  'add in two threads': {
    prepare: async (root) => {
      await must(root, 'init')
      for (let i = 0; i < 4; i++) writeFileSync(join(root, `take-${i}.mov`), createRandom(i).bytes(4.5 * 1024 * 1024))
    },
    argv: ['add', '.'],
    stride: 9,
  },
  'the first commit': {
    prepare: async (root) => {
      await must(root, 'init')
      writeNewFiles(root)
      await must(root, 'add', '.')
    },
    argv: ['commit', '-m', 'First'],
  },
  'commit': {
    prepare: async (root) => {
      await twoCommits(root)
      writeNewFiles(root)
      changeFiles(root)
      await must(root, 'add', '.')
    },
    argv: ['commit', '-m', 'Third'],
  },
  'commit -a': {
    prepare: async (root) => {
      await twoCommits(root)
      changeFiles(root)
    },
    argv: ['commit', '-a', '-m', 'Third'],
  },
  'init': { prepare: async () => {}, argv: ['init'], unreadable: true },
  'switch': { prepare: twoBranches, argv: ['switch', 'side'] },
  'switch to a new branch': { prepare: twoCommits, argv: ['switch', '-c', 'grade', 'HEAD~1'] },
  'switch with uncommitted work': {
    prepare: async (root) => {
      await twoBranches(root)
      writeNewFiles(root)
      writeFileSync(join(root, 'shots', 'old.txt'), 'worked on\n')
      await must(root, 'add', 'shots/old.txt')
    },
    argv: ['switch', 'side'],
  },
  'switch --force over uncommitted work': {
    prepare: async (root) => {
      await twoBranches(root)
      changeFiles(root)
      writeFileSync(join(root, 'side.txt'), 'in the way\n')
    },
    argv: ['switch', '--force', 'side'],
  },
  'reset --soft': { prepare: twoCommits, argv: ['reset', '--soft', '@~1'] },
  'reset --mixed': { prepare: twoCommits, argv: ['reset', '--mixed', '@~1'] },
  'reset --hard over uncommitted work': {
    prepare: async (root) => {
      await twoCommits(root)
      changeFiles(root)
      writeNewFiles(root)
    },
    argv: ['reset', '--hard', '@~1'],
  },
  'restore': {
    prepare: async (root) => {
      await twoCommits(root)
      changeFiles(root)
    },
    argv: ['restore', '.'],
  },
  'undo': {
    prepare: async (root) => {
      await twoCommits(root)
      changeFiles(root)
      await must(root, 'reset', '--hard', '@~1')
    },
    argv: ['undo'],
    notAgain: true,
  },
  'rm': { prepare: twoCommits, argv: ['rm', 'notes.txt', 'shots/clip.mov'] },
  'mv': { prepare: twoCommits, argv: ['mv', 'shots', 'takes'] },
  'merge, fast-forward': {
    prepare: async (root) => {
      await twoBranches(root)
      await must(root, 'reset', '--hard', '@~1')
      await must(root, 'branch', 'ahead', 'side')
    },
    argv: ['merge', 'ahead'],
  },
  'merge': {
    prepare: async (root) => {
      await twoBranches(root)
      writeNewFiles(root)
    },
    argv: ['merge', 'side'],
  },
  'merge with a conflict': { prepare: conflictingBranches, argv: ['merge', 'side'], exitCode: 1 },
  'merge --abort': {
    prepare: async (root) => {
      await conflictingBranches(root)
      await dits(root, ['merge', 'side'])
      writeFileSync(join(root, 'notes.txt'), 'worked on\n')
    },
    argv: ['merge', '--abort'],
    leftovers: /^notes\.theirs-/,
  },
  'resolve': {
    prepare: async (root) => {
      await conflictingBranches(root)
      await dits(root, ['merge', 'side'])
      writeFileSync(join(root, 'notes.txt'), 'worked on\n')
    },
    argv: ['resolve', '--theirs', 'notes.txt'],
    leftovers: /^notes\.theirs-/,
  },
  'commit of a merge': {
    prepare: async (root) => {
      await conflictingBranches(root)
      await dits(root, ['merge', 'side'])
      await must(root, 'resolve', '--ours', 'notes.txt')
    },
    argv: ['commit', '-m', 'Merged'],
  },
  'cherry-pick': { prepare: twoBranches, argv: ['cherry-pick', 'side'] },
  'revert': {
    prepare: async (root) => {
      await twoCommits(root)
      await must(root, 'tag', 'cut')
    },
    argv: ['revert', 'cut'],
  },
  'stash': {
    prepare: async (root) => {
      await twoCommits(root)
      changeFiles(root)
      writeNewFiles(root)
    },
    argv: ['stash', '-u'],
    leftovers: /^refs\/stash\//,
  },
  'stash pop': {
    prepare: async (root) => {
      await twoCommits(root)
      changeFiles(root)
      writeNewFiles(root)
      await must(root, 'stash', '-u')
    },
    argv: ['stash', 'pop'],
  },
  'branch -m': { prepare: twoBranches, argv: ['branch', '-m', 'main', 'film'] },
  'tag -m': { prepare: twoCommits, argv: ['tag', '-m', 'As sent', 'v1'] },
  'clean': {
    prepare: async (root) => {
      await twoCommits(root)
      writeNewFiles(root)
    },
    argv: ['clean', '-fd'],
  },
  'gc': {
    prepare: async (root) => {
      await twoBranches(root)
      for (let i = 0; i < 3; i++) {
        writeFileSync(join(root, 'notes.txt'), createRandom(100 + i).bytes(3000))
        await must(root, 'commit', '-a', '-m', `Draft ${i}`)
      }
      await must(root, 'reset', '--hard', '@~2')
    },
    argv: ['gc'],
    clock: '2099-01-01T00:00:00+00:00',
  },
  'fsck --rebuild-index': {
    prepare: async (root) => {
      await twoCommits(root)
      const packs = join(root, '.dits', 'packs')
      for (const name of readdirSync(packs)) if (name.endsWith('.idx')) rmSync(join(packs, name))
    },
    argv: ['fsck', '--rebuild-index'],
    unreadable: true,
  },
}

/** Runs a command that must succeed. */
async function must(root: string, ...argv: string[]): Promise<void> {
  const code = await dits(root, argv)
  if (code !== 0) throw new Error(`dits ${argv.join(' ')} ended with ${code}: ${lastOutput()}`)
}

/** Two commits on `main`: text, an executable, a link, an empty folder, and a clip of several chunks. */
async function twoCommits(root: string): Promise<void> {
  await must(root, 'init')
  const clip = createRandom(1).bytes(120_000)
  mkdirSync(join(root, 'shots', 'empty'), { recursive: true })
  writeFileSync(join(root, 'notes.txt'), 'first cut\n'.repeat(100))
  writeFileSync(join(root, 'shots', 'clip.mov'), clip)
  writeFileSync(join(root, 'shots', 'old.txt'), 'to be removed\n')
  writeFileSync(join(root, 'render.sh'), '#!/bin/sh\n')
  chmodSync(join(root, 'render.sh'), 0o755)
  symlinkSync('shots/clip.mov', join(root, 'latest'))
  await must(root, 'add', '.')
  await must(root, 'commit', '-m', 'First')
  writeFileSync(join(root, 'notes.txt'), 'second cut\n'.repeat(100))
  await must(root, 'add', '.')
  await must(root, 'commit', '-m', 'Second')
}

/** Two commits on `main`, and `side`, which starts at the first: files of either alone, a folder that is a file, a changed clip. */
async function twoBranches(root: string): Promise<void> {
  await twoCommits(root)
  await must(root, 'switch', '-c', 'side', '@~1')
  rmSync(join(root, 'shots', 'empty'), { recursive: true })
  writeFileSync(join(root, 'shots', 'empty'), 'no folder any more')
  appendFileSync(join(root, 'shots', 'clip.mov'), createRandom(3).bytes(10_000))
  mkdirSync(join(root, 'side', 'deep'), { recursive: true })
  writeFileSync(join(root, 'side', 'deep', 'take.txt'), 'take')
  writeFileSync(join(root, 'side.txt'), 'only here\n')
  rmSync(join(root, 'latest'))
  await must(root, 'add', '--all')
  await must(root, 'commit', '-m', 'Side')
  await must(root, 'switch', 'main')
}

/** Both branches change `notes.txt`. */
async function conflictingBranches(root: string): Promise<void> {
  await twoBranches(root)
  await must(root, 'switch', 'side')
  writeFileSync(join(root, 'notes.txt'), 'by the side\n')
  await must(root, 'commit', '-a', '-m', 'Side notes')
  await must(root, 'switch', 'main')
}

function writeNewFiles(root: string): void {
  mkdirSync(join(root, 'audio', 'mix'), { recursive: true })
  mkdirSync(join(root, 'stills'))
  writeFileSync(join(root, 'audio', 'mix', 'stereo.wav'), createRandom(2).bytes(50_000))
  writeFileSync(join(root, 'audio', 'cue sheet.txt'), 'cue\n'.repeat(50))
}

function changeFiles(root: string): void {
  appendFileSync(join(root, 'shots', 'clip.mov'), 'appended')
  writeFileSync(join(root, 'notes.txt'), 'third cut\n'.repeat(100))
  rmSync(join(root, 'shots', 'old.txt'))
  chmodSync(join(root, 'render.sh'), 0o644)
}

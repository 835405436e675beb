import { describe, expect, it } from 'vitest'
import { pathToText, type BytePath } from '../bytes.ts'
import type { Id } from '../objects/id.ts'
import { MemoryObjects } from '../objects/memory-objects.ts'
import type { ObjectReader } from '../objects/object-io.ts'
import { entryAtPath } from '../objects/tree.ts'
import { contentOf, readFiles, seededRandom, writeFile, writeFiles, type Files } from './history-fixture.ts'
import { mergeTrees, type ContentMerger } from './merge-trees.ts'

const objects = new MemoryObjects()

async function merge(base: Files | undefined, ours: Files, theirs: Files, mergeContent?: ContentMerger) {
  const trees = { base: base && writeFiles(objects, base), ours: writeFiles(objects, ours), theirs: writeFiles(objects, theirs) }
  const { tree, conflicts } = await mergeTrees(objects, (kind, bytes) => objects.write(kind, bytes), { ...trees, mergeContent })
  const shown = conflicts.map(({ path, reason }) => `${reason} ${pathToText(path)}`)
  return { files: await readFiles(objects, tree), conflicts: shown, details: conflicts }
}

/** Ten lines that differ from those of other names, so that files are similar only to versions of themselves. */
function text(name: string, edit = ''): string {
  return Array.from({ length: 10 }, (_, line) => `${name} ${line} has its own words\n`).join('') + edit
}

const [a, b, c] = [text('a'), text('b'), text('c')]

interface Case {
  what: string
  base: Files
  ours: Files
  theirs: Files
  /** The merged tree, and what the merge the other way round gives where that differs. */
  merged: Files
  mergedBack?: Files
  conflicts?: string[]
  conflictsBack?: string[]
}

const cases: Case[] = [
  { what: 'takes what one side changed', base: { a, b }, ours: { a: 'new', b }, theirs: { a, b: 'new' }, merged: { a: 'new', b: 'new' } },
  { what: 'takes what both changed alike', base: { a }, ours: { a: 'new' }, theirs: { a: 'new' }, merged: { a: 'new' } },
  { what: 'takes deletions and additions', base: { a, b }, ours: { b, c }, theirs: { a, d: 'd' }, merged: { c, d: 'd' } },
  {
    what: 'keeps ours where both changed a file',
    base: { a },
    ours: { a: 'ours' },
    theirs: { a: 'theirs' },
    merged: { a: 'ours' },
    mergedBack: { a: 'theirs' },
    conflicts: ['both-changed a'],
  },
  {
    what: 'keeps ours where both added a file',
    base: {},
    ours: { 'd/a': 'ours' },
    theirs: { 'd/a': 'theirs', 'd/b': b },
    merged: { 'd/a': 'ours', 'd/b': b },
    mergedBack: { 'd/a': 'theirs', 'd/b': b },
    conflicts: ['both-added d/a'],
  },
  {
    what: 'leaves a file away that we deleted and they changed',
    base: { a },
    ours: {},
    theirs: { a: text('a', 'edit') },
    merged: {},
    mergedBack: { a: text('a', 'edit') },
    conflicts: ['deleted-by-us a'],
    conflictsBack: ['deleted-by-them a'],
  },
  { what: 'merges the executable bit apart from the content', base: { a }, ours: { a: `x:${a}` }, theirs: { a: 'new' }, merged: { a: 'x:new' } },
  {
    what: 'does not merge a symlink with a file',
    base: { a },
    ours: { a: 'l:elsewhere' },
    theirs: { a: 'new' },
    merged: { a: 'l:elsewhere' },
    mergedBack: { a: 'new' },
    conflicts: ['both-changed a'],
  },
  { what: 'keeps empty directories', base: { d: null }, ours: { d: null, e: null }, theirs: { d: null, f: null }, merged: { d: null, e: null, f: null } },
  { what: 'removes an empty directory that one side removed', base: { d: null, a }, ours: { a }, theirs: { d: null, a: b }, merged: { a: b } },
  {
    what: 'keeps a directory that one side emptied and the other filled',
    base: { 'd/a': a },
    ours: { d: null },
    theirs: { 'd/a': a, 'd/b': b },
    merged: { 'd/b': b },
  },
  { what: 'keeps a directory in which each side deleted the other half', base: { 'd/a': a, 'd/b': b }, ours: { 'd/a': a }, theirs: { 'd/b': b }, merged: { d: null } },
  {
    what: 'keeps what was added in a directory that was deleted',
    base: { 'd/a': a, 'd/b': b },
    ours: {},
    theirs: { 'd/a': a, 'd/b': b, 'd/c': c },
    merged: { 'd/c': c },
  },
  { what: 'edits a moved file at its new path', base: { a, b }, ours: { 'new/a': a, b }, theirs: { a: text('a', 'edit'), b }, merged: { 'new/a': text('a', 'edit'), b } },
  {
    what: 'merges a file that was moved and edited, where only the bit differs else',
    base: { a, b },
    ours: { c: text('a', 'edit'), b },
    theirs: { a: `x:${a}`, b },
    merged: { c: `x:${text('a', 'edit')}`, b },
  },
  {
    what: 'keeps ours at the new path where both edited a file that one side moved',
    base: { a, b },
    ours: { c: text('a', 'ours'), b },
    theirs: { a: text('a', 'theirs'), b },
    merged: { c: text('a', 'ours'), b },
    mergedBack: { c: text('a', 'theirs'), b },
    conflicts: ['both-changed c'],
  },
  {
    what: 'reports a file that was moved to two paths',
    base: { a, b },
    ours: { x: a, b },
    theirs: { y: a, b },
    merged: { x: a, b },
    mergedBack: { y: a, b },
    conflicts: ['renamed-twice x'],
    conflictsBack: ['renamed-twice y'],
  },
  { what: 'merges a file that both moved to the same path', base: { a, b }, ours: { c: a, b }, theirs: { c: text('a', 'edit'), b }, merged: { c: text('a', 'edit'), b } },
  {
    what: 'reports a moved file that the other side deleted',
    base: { a, b },
    ours: { c: a, b },
    theirs: { b },
    merged: { c: a, b },
    mergedBack: { b },
    conflicts: ['deleted-by-them c'],
    conflictsBack: ['deleted-by-us c'],
  },
  {
    what: 'lets additions, edits and deletions follow a moved directory',
    base: { 'd/a': a, 'd/b': b, 'd/s/c': c, 'd/s/e': text('e') },
    ours: { 'f/a': a, 'f/b': b, 'f/s/c': c, 'f/s/e': text('e') },
    theirs: { 'd/a': text('a', 'edit'), 'd/s/c': c, 'd/s/e': text('e'), 'd/new': 'new', 'd/s/new': 'new too', 'd/n/x': 'x', 'd/n/y': null },
    merged: { 'f/a': text('a', 'edit'), 'f/s/c': c, 'f/s/e': text('e'), 'f/new': 'new', 'f/s/new': 'new too', 'f/n/x': 'x', 'f/n/y': null },
  },
  {
    what: 'finds a file that was renamed in a directory that was moved',
    base: { 'd/a': a, 'd/b': b, 'd/c': c },
    ours: { 'f/a': a, 'f/b': b, 'f/c': c },
    theirs: { 'd/a': a, 'd/b': b, 'd/z': text('c', 'edit') },
    merged: { 'f/a': a, 'f/b': b, 'f/z': text('c', 'edit') },
  },
  {
    what: 'moves into a moved directory what the other side moved into it and was edited',
    base: { 'd/a': a, 'd/b': b, c },
    ours: { 'f/a': a, 'f/b': b, c: text('c', 'edit') },
    theirs: { 'd/a': a, 'd/b': b, 'd/c': c },
    merged: { 'f/a': a, 'f/b': b, 'f/c': text('c', 'edit') },
  },
  {
    what: 'finds a directory that was renamed in a directory that was moved',
    base: { 'd/s/a': a, 'd/s/b': b, 'd/c': c },
    ours: { 'f/s/a': a, 'f/s/b': b, 'f/c': c },
    theirs: { 'd/t/a': a, 'd/t/b': b, 'd/c': c },
    merged: { 'f/t/a': a, 'f/t/b': b, 'f/c': c },
  },
  {
    what: 'reports a directory that was moved to two paths',
    base: { 'd/a': a },
    ours: { 'f/a': a },
    theirs: { 'g/a': a },
    merged: { 'f/a': a },
    mergedBack: { 'g/a': a },
    conflicts: ['renamed-twice f/a'],
    conflictsBack: ['renamed-twice g/a'],
  },
  {
    what: 'does not follow half of a directory',
    base: { 'd/a': a, 'd/b': b },
    ours: { 'f/a': a, 'g/b': b },
    theirs: { 'd/a': a, 'd/b': b, 'd/new': 'new' },
    merged: { 'f/a': a, 'g/b': b, 'd/new': 'new' },
  },
  {
    what: 'does not overwrite what is at the new path already',
    base: { 'd/a': a, 'd/b': b },
    ours: { 'f/a': a, 'f/b': b, 'f/new': 'ours' },
    theirs: { 'd/a': a, 'd/b': b, 'd/new': 'theirs' },
    merged: { 'f/a': a, 'f/b': b, 'f/new': 'ours' },
    mergedBack: { 'f/a': a, 'f/b': b, 'f/new': 'ours', 'd/new': 'theirs' },
    conflicts: ['both-added f/new'],
    conflictsBack: ['both-added d/new'],
  },
  {
    what: 'keeps ours where one side has a file and the other a directory',
    base: {},
    ours: { d: 'file' },
    theirs: { 'd/a': a },
    merged: { d: 'file' },
    mergedBack: { 'd/a': a },
    conflicts: ['file-directory d'],
  },
  {
    what: 'follows a file into the directory that took its place',
    base: { a, b },
    ours: { a: text('a', 'edit'), b },
    theirs: { 'a/main': a, 'a/more': 'more', b },
    merged: { 'a/main': text('a', 'edit'), 'a/more': 'more', b },
  },
  {
    what: 'reports a changed file whose place a directory took',
    base: { a, b },
    ours: { a: text('a', 'edit'), b },
    theirs: { 'a/other': c, b },
    merged: { a: text('a', 'edit'), b },
    mergedBack: { 'a/other': c, b },
    conflicts: ['file-directory a'],
  },
  { what: 'replaces a file that one side deleted by the directory of the other', base: { a, b }, ours: { b }, theirs: { 'a/x': c, b }, merged: { 'a/x': c, b } },
]

describe('mergeTrees', () => {
  for (const { what, base, ours, theirs, merged, mergedBack, conflicts, conflictsBack } of cases) {
    it(what, async () => {
      const there = await merge(base, ours, theirs)
      expect(there).toMatchObject({ files: merged, conflicts: conflicts ?? [] })
      expect(there.files).toEqual(merged)
      const back = await merge(base, theirs, ours)
      expect(back.files).toEqual(mergedBack ?? merged)
      expect(back.conflicts).toEqual(conflictsBack ?? conflicts ?? [])
    })
  }

  it('asks the content merger where both changed the content, and takes its answer', async () => {
    const asked: (string | undefined)[][] = []
    const mergeContent: ContentMerger = async (path, ...versions) => {
      asked.push([path, ...(await Promise.all(versions.map((entry) => entry && contentOf(objects, entry))))])
      return path === 'd/a' ? writeFile(objects, 'any', 'merged') : undefined
    }
    const base = { 'd/a': a, b }
    const { files, conflicts } = await merge(base, { 'd/a': `x:${c}`, b: 'ours' }, { 'd/a': b, b: 'theirs' }, mergeContent)
    expect(asked).toEqual([['b', b, 'ours', 'theirs'], ['d/a', a, `x:${c}`, b]])
    expect(files).toEqual({ 'd/a': 'x:merged', b: 'ours' })
    expect(conflicts).toEqual(['both-changed b'])
  })

  it('shows at which paths the versions of a conflict stood', async () => {
    const { details } = await merge({ a, b }, { c: text('a', 'ours'), b }, { a: text('a', 'theirs'), b })
    expect(details).toMatchObject([{ path: 'c', base: { path: 'a' }, ours: { path: 'c' }, theirs: { path: 'a' } }])
  })

  it('does not look into directories that only one side changed, and finds edits in large ones', async () => {
    const many = (mark: string) => Object.fromEntries(Array.from({ length: 3000 }, (_, frame) => [`${mark}/f${frame}`, `${mark} ${frame}`]))
    const [shared, left, right] = [many('shared'), many('left'), many('right')]
    const versions = [
      { ...shared, ...left, ...right },
      { ...shared, ...left, ...right, 'left/f7': 'ours', 'shared/f7': 'ours' },
      { ...shared, ...left, ...right, 'right/f7': 'theirs', 'shared/f2900': 'theirs' },
    ]
    const [base, ours, theirs] = versions.map((files) => writeFiles(objects, files)) as [Id, Id, Id]
    const read = new Set<Id>()
    const reader: ObjectReader = { has: (id) => objects.has(id), read: (kind, id) => (read.add(id), objects.read(kind, id)) }
    const { tree, conflicts } = await mergeTrees(reader, (kind, bytes) => objects.write(kind, bytes), { base, ours, theirs })
    expect(conflicts).toEqual([])
    expect(await readFiles(objects, tree)).toEqual({ ...versions[1], 'right/f7': 'theirs', 'shared/f2900': 'theirs' })
    for (const folder of ['left', 'right']) {
      for (const root of [base, ours, theirs]) {
        expect(read).not.toContain((await entryAtPath(objects, root, folder as BytePath))?.id)
      }
    }
  })

  it('reverts by merging with the base and theirs exchanged', async () => {
    const before = { a, b }
    const commit = { a: 'changed', b }
    const later = { a: 'changed', b: 'later', c }
    expect(await merge(commit, later, before)).toMatchObject({ files: { a, b: 'later', c }, conflicts: [] })
  })
})

describe('mergeTrees on random trees', () => {
  for (let seed = 1; seed <= 40; seed++) {
    it(`keeps its promises (seed ${seed})`, async () => {
      const random = seededRandom(seed)
      const base = randomFiles(random)
      const ours = edited(random, base, 'ours')
      const theirs = edited(random, base, 'theirs')
      expect((await merge(base, ours, base)).files).toEqual(normal(ours))
      expect((await merge(base, base, theirs)).files).toEqual(normal(theirs))
      expect(await merge(base, ours, ours)).toMatchObject({ files: normal(ours), conflicts: [] })
      const there = await merge(base, ours, theirs)
      const back = await merge(base, theirs, ours)
      if (there.conflicts.length === 0) expect(there.files).toEqual(back.files)
      expect(there.conflicts.length).toBe(back.conflicts.length)
      expectNothingLost(base, ours, theirs, there)
    })

    it(`merges edits of different directories without a conflict (seed ${seed})`, async () => {
      const random = seededRandom(seed + 1000)
      const [left, right] = [randomFiles(random), randomFiles(random)]
      const [leftEdited, rightEdited] = [edited(random, left, 'ours'), edited(random, right, 'theirs')]
      const result = await merge(both(left, right), both(leftEdited, right), both(left, rightEdited))
      expect(result.conflicts).toEqual([])
      expect(result.files).toEqual(normal(both(leftEdited, rightEdited)))
    })
  }
})

function both(left: Files, right: Files): Files {
  const below = (folder: string, files: Files): [string, string | null][] =>
    Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content])
  return { left: null, right: null, ...Object.fromEntries([...below('left', left), ...below('right', right)]) }
}

function randomFiles(random: () => number): Files {
  const files: Files = {}
  for (let i = 0; i < 14; i++) {
    const depth = Math.floor(random() * 3)
    const folders = Array.from({ length: depth }, () => `d${Math.floor(random() * 3)}`)
    files[[...folders, `f${i}`].join('/')] = text(`content ${random()}`)
  }
  return files
}

/** A few edits, additions, deletions and moves of files and directories. */
function edited(random: () => number, base: Files, who: string): Files {
  let files = { ...base }
  for (let i = 0; i < 4; i++) {
    const paths = Object.keys(files)
    const path = paths[Math.floor(random() * paths.length)] ?? 'none'
    const slash = path.lastIndexOf('/')
    const choice = random()
    if (choice < 0.35) files[path] = `${files[path] ?? text(path)}edit ${who} ${i}\n`
    else if (choice < 0.5) delete files[path]
    else if (choice < 0.7) files[`${path.slice(0, slash + 1)}${who}${i}`] = text(`added ${who} ${random()}`)
    else if (choice < 0.85) files = moved(files, path, `d${Math.floor(random() * 3)}/m-${who}${i}`)
    else if (slash > 0) files = moved(files, path.slice(0, slash), `moved-${who}${i}`)
  }
  return files
}

function moved(files: Files, from: string, to: string): Files {
  const target = (path: string): string => (path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : path)
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [target(path), content]))
}

/** As `readFiles` shows it: without directories that have content. */
function normal(files: Files): Files {
  const paths = Object.keys(files)
  return Object.fromEntries(
    Object.entries(files).filter(([path, content]) => content !== null || !paths.some((other) => other.startsWith(`${path}/`))),
  )
}

/** Content that only one side made is in the merged tree or in a conflict. */
function expectNothingLost(base: Files, ours: Files, theirs: Files, result: Awaited<ReturnType<typeof merge>>): void {
  const known = new Set(Object.values(base))
  const merged = new Set(Object.values(result.files))
  const inConflicts = new Set(result.details.flatMap((conflict) => [conflict.ours?.entry.id, conflict.theirs?.entry.id]))
  for (const content of [...Object.values(ours), ...Object.values(theirs)]) {
    if (content === null || known.has(content) || merged.has(content)) continue
    expect(inConflicts, content.slice(-30)).toContain(writeFile(objects, 'any', content).id)
  }
}

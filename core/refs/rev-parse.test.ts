import { describe, expect, it } from 'vitest'
import { DitsError } from '../errors.ts'
import { HistoryBuilder, writeFiles } from '../history/history-fixture.ts'
import type { Id, ObjectKind } from '../objects/id.ts'
import { encodeTag } from '../objects/tag.ts'
import type { MovedRefs } from './earlier-values.ts'
import { parseRange, parseRevision, type HeadValue, type RevisionContext } from './rev-parse.ts'
import { parseRevisionSyntax } from './revision-syntax.ts'

const tagger = { name: 'Ada', email: 'ada@example.com', timeMs: 0, zoneMinutes: 0 }

/** A line 0-1-2 with a branch 3 off 1, and 4 that merges 3 into 2. */
function project() {
  const history = new HistoryBuilder()
  const tree = writeFiles(history.objects, { 'shots/a.mov': 'a', b: 'b' })
  for (const parents of [[], [0], [1], [1], [2, 3]]) history.commit(parents, { tree })
  const [, , two, three, four] = history.ids as [Id, Id, Id, Id, Id]
  const tag = (target: Id, targetKind: ObjectKind) =>
    history.objects.write('tag', encodeTag({ target, targetKind, name: 'v1', tagger, message: '' }))
  const v1 = tag(two, 'commit')
  const refs: Record<string, Id> = {
    'refs/heads/main': four,
    'refs/heads/side': three,
    'refs/heads/feature/one': two,
    'refs/heads/both': two,
    'refs/tags/both': three,
    'refs/tags/v1': v1,
    'refs/tags/v1-again': tag(v1, 'tag'),
    'refs/remotes/origin/main': two,
  }
  let head: HeadValue = { branch: 'refs/heads/main' }
  const operations: MovedRefs[] = []
  const context: RevisionContext = {
    reader: history.objects,
    refs: {
      read: async (name) => {
        if (!/^refs\/\w+\/[^ ]+$/.test(name)) throw new DitsError('bad-ref-name', `'${name}' is not a name for a ref`)
        return refs[name]
      },
      list: async function* (prefix) {
        for (const [name, id] of Object.entries(refs)) if (name.startsWith(prefix)) yield { name, id }
      },
      readHead: async () => head,
    },
    oplog: { newestFirst: async function* () { yield* operations.toReversed() } },
    findByPrefix: async (prefix) =>
      [...history.objects.objects].filter(([id]) => id.startsWith(prefix)).map(([id, { kind }]) => ({ id, kind })),
  }
  const record = (operation: MovedRefs) => {
    operations.push(operation)
    for (const { name, after } of operation.refs) if (after) refs[name] = after
    if (operation.head?.after) head = operation.head.after
  }
  return { history, context, refs, tree, v1, record, detach: (id: Id) => (head = { id }) }
}

describe('the stash', () => {
  it('has its entries by number, the newest first', async () => {
    const made = project()
    const [zero, one] = made.history.ids as [Id, Id]
    Object.assign(made.refs, { 'refs/stash/2': zero, 'refs/stash/10': one })
    expect(await numberOf('stash', made)).toBe(1)
    expect(await numberOf('stash@{0}', made)).toBe(1)
    expect(await numberOf('stash@{1}', made)).toBe(0)
    expect(await numberOf('stash~1', made)).toBe(0)
    await expect(numberOf('stash@{2}', made)).rejects.toMatchObject({ code: 'unknown-revision' })
    made.refs['refs/heads/stash'] = made.history.ids[3]!
    expect(await numberOf('stash', made)).toBe(3)
    await expect(numberOf('stash', project())).rejects.toMatchObject({ code: 'unknown-revision' })
  })
})

async function numberOf(text: string, { history, context } = project()): Promise<number> {
  return history.numberOf((await parseRevision(context, text)).id)
}

async function errorOf(text: string, { context } = project()): Promise<DitsError> {
  return parseRevision(context, text).then(
    () => expect.unreachable(`'${text}' was found`),
    (error: unknown) => error as DitsError,
  )
}

describe('parseRevision', () => {
  const cases: [text: string, commit: number][] = [
    ['HEAD', 4],
    ['@', 4],
    ['main', 4],
    ['heads/main', 4],
    ['refs/heads/main', 4],
    ['feature/one', 2],
    ['origin/main', 2],
    ['remotes/origin/main', 2],
    ['tags/both', 3],
    ['main~', 2],
    ['main~2', 1],
    ['@~~', 1],
    ['main~0', 4],
    ['main^', 2],
    ['main^2', 3],
    ['main^2~2', 0],
    ['main^0', 4],
    ['v1~', 1],
    ['v1^{}', 2],
    ['v1^{commit}', 2],
    ['v1-again^{}', 2],
    ['v1-again^', 1],
  ]
  for (const [text, commit] of cases) {
    it(`finds '${text}'`, async () => expect(await numberOf(text)).toBe(commit))
  }

  it('tells the kind of what it found, and does not go through tags unasked', async () => {
    const { context, v1, tree } = project()
    expect(await parseRevision(context, 'v1')).toEqual({ id: v1, kind: 'tag' })
    expect(await parseRevision(context, 'v1-again^{tag}')).toMatchObject({ kind: 'tag' })
    expect(await parseRevision(context, 'main^{tree}')).toEqual({ id: tree, kind: 'tree' })
  })

  it('finds paths in commits, tags and trees', async () => {
    const { context, tree } = project()
    expect(await parseRevision(context, 'v1:shots/a.mov')).toMatchObject({ kind: 'chunk', path: 'shots/a.mov', entry: { size: 1 } })
    expect(await parseRevision(context, 'main:./shots/')).toMatchObject({ kind: 'tree', path: 'shots' })
    expect(await parseRevision(context, `${tree}:b`)).toMatchObject({ kind: 'chunk', path: 'b' })
    expect(await parseRevision(context, 'main:')).toMatchObject({ kind: 'tree', id: tree, path: '' })
    expect(await errorOf('main:shots/none')).toMatchObject({ code: 'unknown-path', message: "'shots/none' does not exist in 'main'" })
    expect((await parseRevision(context, 'main:b')).id).toBe((await parseRevision(context, 'side:b')).id)
  })

  it('finds full and short ids, and prefers commits to chunks that start alike', async () => {
    const { context, history } = project()
    const [zero] = history.ids as [Id]
    expect(await parseRevision(context, zero)).toEqual({ id: zero, kind: 'commit' })
    expect(await parseRevision(context, zero.slice(0, 12).toUpperCase())).toEqual({ id: zero, kind: 'commit' })
    expect(await errorOf(zero.slice(0, 3))).toMatchObject({ code: 'unknown-revision' })
    const alike: { id: Id; kind: ObjectKind }[] = [
      { id: `abcd1${'0'.repeat(59)}` as Id, kind: 'chunk' },
      { id: `abcd2${'0'.repeat(59)}` as Id, kind: 'commit' },
    ]
    const crowded = { ...context, findByPrefix: async (prefix: string) => alike.filter(({ id }) => id.startsWith(prefix)) }
    expect(await parseRevision(crowded, 'abcd')).toMatchObject({ kind: 'commit' })
    alike.push({ id: `abcd3${'0'.repeat(59)}` as Id, kind: 'tag' })
    const error = await parseRevision(crowded, 'abcd').catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'ambiguous-id', message: "'abcd' is the start of several ids" })
    expect((error as DitsError).hint).toMatch(/commit abcd2.*tag abcd3/)
  })

  it('refuses to guess between a branch and a tag', async () => {
    expect(await errorOf('both')).toMatchObject({ code: 'ambiguous-revision', hint: "write 'tags/both' or 'heads/both'" })
  })

  it('suggests the name that was meant', async () => {
    expect(await errorOf('mian')).toMatchObject({ code: 'unknown-revision', hint: "did you mean 'main'?" })
    expect(await errorOf('man')).toMatchObject({ hint: "did you mean 'main'?" })
    for (const other of ['mi', 'xyz', 'shot-12']) expect((await errorOf(other)).hint).toContain('run: dits branch')
    expect(await errorOf('feature/on')).toMatchObject({ hint: "did you mean 'feature/one'?" })
    expect((await errorOf('nothing-like-it')).hint).toMatch(/run: dits branch/)
    expect(await errorOf('with space')).toMatchObject({ code: 'unknown-revision' })
  })

  it('says what is missing on the way', async () => {
    expect(await errorOf('main~9')).toMatchObject({ code: 'unknown-revision', hint: expect.stringContaining('is a first commit') })
    expect(await errorOf('main^3')).toMatchObject({ code: 'unknown-revision', hint: expect.stringContaining('has 2 parents') })
    expect(await errorOf('main^{tree}~')).toMatchObject({ code: 'wrong-kind' })
    expect(await errorOf('main^{tag}')).toMatchObject({ code: 'wrong-kind' })
  })

  it('reports a ref whose object is missing as damage', async () => {
    const broken = project()
    broken.refs['refs/heads/broken'] = 'ab'.repeat(32) as Id
    expect(await errorOf('broken', broken)).toMatchObject({ code: 'object-missing' })
  })

  it('knows a branch without a commit, and a HEAD without a branch', async () => {
    const fresh = project()
    delete fresh.refs['refs/heads/main']
    expect(await errorOf('HEAD', fresh)).toMatchObject({ code: 'unknown-revision', hint: expect.stringContaining("'main' has no commit yet") })
    const detached = project()
    detached.detach(detached.history.ids[1]!)
    expect(await numberOf('HEAD', detached)).toBe(1)
  })

  for (const text of ['', '~1', ':x', 'main~x', 'main^{blob}', 'main@{yesterday}', 'main@{-1}', '@{-0}', 'main^{', 'main@{1', 'main~99999999999']) {
    it(`refuses '${text}'`, async () => expect(await errorOf(text)).toMatchObject({ code: expect.stringMatching(/bad-revision|unknown-revision/) }))
  }
})

describe('earlier values', () => {
  /** main moved 0, 1, 2; then a switch to side, side moved 3, and back; then main moved to 4. */
  function worked() {
    const made = project()
    const [zero, one, two, three, four] = made.history.ids as [Id, Id, Id, Id, Id]
    const [main, side] = ['refs/heads/main', 'refs/heads/side']
    made.record({ refs: [{ name: main, after: zero }], head: {} })
    made.record({ refs: [{ name: main, before: zero, after: one }], head: {} })
    made.record({ refs: [{ name: main, before: one, after: two }, { name: side, after: one }], head: {} })
    made.record({ refs: [], head: { before: { branch: main }, after: { branch: side } } })
    made.record({ refs: [{ name: side, before: one, after: three }], head: {} })
    made.record({ refs: [], head: { before: { branch: side }, after: { branch: main } } })
    made.record({ refs: [{ name: main, before: two, after: four }], head: {} })
    return made
  }

  const cases: [text: string, commit: number][] = [
    ['main@{0}', 4],
    ['main@{1}', 2],
    ['main@{2}', 1],
    ['@{3}', 0],
    ['side@{1}', 1],
    ['HEAD@{0}', 4],
    ['HEAD@{1}', 2],
    ['HEAD@{2}', 3],
    ['HEAD@{3}', 1],
    ['@@{4}', 2],
    ['HEAD@{6}', 0],
    ['@{-1}', 3],
    ['@{-2}', 4],
    ['@{-1}~', 1],
  ]
  for (const [text, commit] of cases) {
    it(`finds '${text}'`, async () => expect(await numberOf(text, worked())).toBe(commit))
  }

  it('says where the log ends', async () => {
    expect(await errorOf('main@{4}', worked())).toMatchObject({ code: 'unknown-revision', hint: expect.stringContaining("of 'main' from 4 changes ago") })
    expect(await errorOf('@{-3}', worked())).toMatchObject({ code: 'unknown-revision' })
    expect(await errorOf('none@{1}', worked())).toMatchObject({ code: 'unknown-revision' })
  })
})

describe('parseRange', () => {
  it('finds both sides, HEAD where one is not named', async () => {
    const { context, history } = project()
    const [, one, two, three, four] = history.ids as [Id, Id, Id, Id, Id]
    expect(await parseRange(context, 'v1')).toEqual({ left: undefined, right: two, symmetric: false, starts: [two], exclude: [] })
    expect(await parseRange(context, 'side..main')).toEqual({ left: three, right: four, symmetric: false, starts: [four], exclude: [three] })
    expect(await parseRange(context, 'side..')).toMatchObject({ left: three, right: four })
    expect(await parseRange(context, '..side')).toMatchObject({ left: four, right: three })
    expect(await parseRange(context, 'v1...side')).toEqual({ left: two, right: three, symmetric: true, starts: [two, three], exclude: [one] })
    await expect(parseRange(context, 'a..b..c')).rejects.toMatchObject({ code: 'bad-revision' })
    await expect(parseRange(context, 'a....b')).rejects.toMatchObject({ code: 'bad-revision' })
    await expect(parseRange(context, 'main^{tree}..side')).rejects.toMatchObject({ code: 'wrong-kind' })
  })
})

describe('parseRevisionSyntax', () => {
  it('leaves names with @ and paths with dots and colons alone', () => {
    expect(parseRevisionSyntax('me@home~3')).toEqual({
      base: { kind: 'name', name: 'me@home' },
      steps: [{ kind: 'ancestor', generations: 3 }],
      path: undefined,
    })
    expect(parseRevisionSyntax('main:a/..b:c^~')).toEqual({ base: { kind: 'name', name: 'main' }, steps: [], path: 'a/..b:c^~' })
    expect(parseRevisionSyntax('main:é').path).toBe('Ã©')
  })
})

import { lstatSync } from 'node:fs'
import { setInConfig } from '../config.ts'
import { switchTo } from '../changing/switch.ts'
import { DitsError } from '../errors.ts'
import type { Id } from '../objects/id.ts'
import { referencesOf } from '../objects/references.ts'
import type { ObjectRef } from '../reachable.ts'
import { isContentKind } from '../reachable.ts'
import { openWriter, type Environment, type Repo } from '../repo.ts'
import { TestRepo } from '../repo.fixture.ts'
import type { ContentSource } from './content-source.ts'

/** Brings content by copying it from another repository; counts what it was asked for. */
export class CopyingSource implements ContentSource {
  calls: ObjectRef[][] = []
  closed = 0
  /** Called before each object is copied; throws to fail there. */
  beforeObject: (object: ObjectRef) => void = () => {}
  readonly #from: Repo
  readonly #to: () => Repo

  constructor(from: Repo, to: () => Repo) {
    this.#from = from
    this.#to = to
  }

  async bring(wanted: readonly ObjectRef[], { onBytes }: { onBytes?: ((bytes: number) => void) | undefined } = {}): Promise<void> {
    this.calls.push([...wanted])
    await copyObjects(this.#from, this.#to(), wanted, (object) => {
      this.beforeObject(object)
      onBytes?.(1)
    })
  }

  async close(): Promise<void> {
    this.closed++
  }

  /** How many objects of each kind were asked for, in each call. */
  get rounds(): string[] {
    return this.calls.map((wanted) => `${wanted.length} ${wanted[0]?.kind}`)
  }
}

/** A full repository and a partial one of the same history, in which nothing is checked out yet. */
export interface PartialPair {
  full: TestRepo
  partial: TestRepo
  source: CopyingSource
}

/**
 * Makes a partial repository of what `full` has on its branch: commits and
 * trees only, with the filter in its configuration, and `refs/remotes/origin/main`
 * at the tip. With `offline` there is nothing that content could come from.
 */
export async function makePartial(full: TestRepo, filter: string, options: { offline?: boolean } = {}): Promise<PartialPair> {
  const partial = await TestRepo.create()
  const source = new CopyingSource(full.repo, () => partial.repo)
  await copyStructure(full.repo, partial.repo, (await full.head())!)
  await partial.repo.refs.move('refs/remotes/origin/main', undefined, (await full.head())!)
  await partial.repo.refs.move('refs/heads/main', undefined, (await full.head())!)
  await partial.repo.store.put('config', Buffer.from(setInConfig('', 'remote.origin.filter', filter, 'test')))
  await partial.reopen(options.offline ? {} : online(source))
  return { full, partial, source }
}

export function online(source: ContentSource): Partial<Environment> {
  return { openContentSource: async () => source }
}

/** The same, with the tip checked out. */
export async function makeCheckedOut(full: TestRepo, filter: string): Promise<PartialPair> {
  const pair = await makePartial(full, filter)
  await checkOut(pair.partial)
  return pair
}

export async function checkOut(test: TestRepo): Promise<void> {
  const id = (await test.repo.refs.read('refs/heads/main'))!
  await switchTo(test.repo, { id, head: { branch: 'refs/heads/main' } }, { force: true })
}

/** Takes over new commits of the full repository, without content, and moves `refs/remotes/origin/main`. */
export async function fetchStructure({ full, partial }: PartialPair): Promise<Id> {
  const tip = (await full.head())!
  await copyStructure(full.repo, partial.repo, tip)
  const before = await partial.repo.refs.read('refs/remotes/origin/main')
  await partial.repo.refs.move('refs/remotes/origin/main', before, tip)
  return tip
}

/** Which of these paths are ghosts on disk: of their size, without blocks, and not to be written to. */
export function ghostsOnDisk(test: TestRepo, ...paths: string[]): string[] {
  return paths.filter((path) => {
    const { blocks, size, mode } = lstatSync(test.path(path))
    return blocks === 0 && size > 0 && (mode & 0o222) === 0
  })
}

async function copyStructure(from: Repo, to: Repo, tip: Id): Promise<void> {
  const open: ObjectRef[] = [{ kind: 'commit', id: tip }]
  const seen = new Map<Id, ObjectRef>()
  for (let object = open.pop(); object; object = open.pop()) {
    if (seen.has(object.id) || isContentKind(object.kind)) continue
    seen.set(object.id, object)
    open.push(...referencesOf(object.kind, await from.objects.read(object.kind, object.id)))
  }
  await copyObjects(from, to, [...seen.values()])
}

async function copyObjects(from: Repo, to: Repo, wanted: readonly ObjectRef[], beforeObject: (object: ObjectRef) => void = () => {}): Promise<void> {
  const writer = await openWriter(to, wanted.length)
  try {
    for (const object of wanted) {
      beforeObject(object)
      if (!(await from.objects.has(object.id))) throw new DitsError('content-unavailable', `${object.kind} '${object.id}' is not there, either`)
      writer.write(object.kind, await from.objects.read(object.kind, object.id))
      await writer.ready()
    }
    await writer.flush()
  } catch (error) {
    await writer.abandon()
    throw error
  }
  await to.objects.packs.refresh()
}

import { describe, expect, it } from 'vitest'
import { DitsError, type Id } from '#core'
import type { HostedRepository } from './host.ts'
import { MemoryServer, openSession } from './sync.fixture.ts'

const place = '/srv/dits/repos/film.dits/refs/heads/main'
const fault = new DitsError('store-io', `cannot read '${place}': EIO`, { hint: 'the disk reports errors' })
const move = { name: 'refs/heads/main', before: undefined, after: undefined }

/** A server of which one part fails. */
class FailingServer extends MemoryServer {
  readonly hidesFaults: boolean
  readonly #fails: 'open' | 'list' | 'move'

  constructor(fails: 'open' | 'list' | 'move', hidesFaults = true) {
    super()
    this.#fails = fails
    this.hidesFaults = hidesFaults
  }

  override async open(): Promise<HostedRepository> {
    if (this.#fails === 'open') throw fault
    const repository = await super.open()
    const fail = async (): Promise<void> => {
      throw fault
    }
    if (this.#fails === 'move') return { ...repository, refs: { ...repository.refs, move: fail } }
    return { ...repository, refs: { ...repository.refs, list: () => failingList() } }
  }

  /** The number that the report of the fault carries. */
  get fault(): string {
    const events = this.events.filter(({ kind }) => kind === 'failed')
    expect(events).toMatchObject([{ error: { message: fault.message }, fault: expect.stringMatching(/^[0-9a-f]{8}$/) }])
    return (events[0] as { fault: string }).fault
  }
}

async function* failingList(): AsyncGenerator<{ name: string; id: Id }> {
  yield await Promise.reject(fault)
}

async function failureOf(server: MemoryServer): Promise<DitsError> {
  const session = await openSession(server.connect())
  try {
    return await session.refs().then(() => expect.fail('it did not fail'), (error: DitsError) => error)
  } finally {
    await session.close()
  }
}

describe('a fault of the storage of a server', () => {
  it('is told to a client by its code, and by the number under which the log has the rest', async () => {
    const server = new FailingServer('list')
    const told = await failureOf(server)
    expect(told).toMatchObject({ code: 'store-io', message: `the server failed at this request (fault ${server.fault})`, hint: expect.stringContaining(server.fault) })
    expect(`${told.message}${told.hint}`).not.toContain('/srv')
  })

  it('is told so of a ref that cannot be moved', async () => {
    const server = new FailingServer('move')
    const session = await openSession(server.connect())
    await session.refs()
    const answer = await session.move([move])
    expect(answer).toEqual({ results: [{ name: move.name, code: 'store-io', message: `the server failed at this request (fault ${server.fault})` }] })
    await session.close()
  })

  it('is told so where a repository cannot be opened', async () => {
    const server = new FailingServer('open')
    await expect(openSession(server.connect())).rejects.toMatchObject({ code: 'store-io', message: expect.not.stringContaining('/srv') })
    expect(server.fault).not.toBe('')
  })

  it('is told as it is by a machine to its own people', async () => {
    expect((await failureOf(new FailingServer('list', false))).message).toBe(fault.message)
  })
})

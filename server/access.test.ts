import { describe, expect, it } from 'vitest'
import { DitsError, type ByteStore, type RecordValue } from '#core'
import { FrameStream, type Message } from '../protocol/frames.ts'
import { protocolVersion } from '../protocol/limits.ts'
import { connectLoopback } from '../protocol/loopback.ts'
import { serveSession } from '../protocol/serve.ts'
import { openTestServer, type TestServer } from './host.fixture.ts'

const id = Buffer.alloc(32, 7)

/** Every request that there is, as a client would send it. */
const verbs: Readonly<Record<string, { role: 'read' | 'write'; request: [Message, ...Message[]] }>> = {
  refs: { role: 'read', request: [['refs', ['refs/heads/', 'refs/tags/']]] },
  history: { role: 'read', request: [['history', new Uint8Array(0), new Uint8Array(0), 0, 0]] },
  objects: { role: 'read', request: [['objects', id]] },
  held: { role: 'write', request: [['held', id.subarray(0, 6)]] },
  filter: { role: 'write', request: [['filter']] },
  store: { role: 'write', request: [['store'], ['store-end']] },
  move: { role: 'write', request: [['move', [['refs/tags/v1', null, null]]]] },
}

async function openStudio(): Promise<TestServer & { tokens: Record<string, string | undefined> }> {
  const server = openTestServer()
  for (const name of ['studio/film', 'studio/game']) await server.repositories.create(name, { branch: 'main' })
  const tokens: Record<string, string | undefined> = { none: undefined, wrong: `dits_${'A'.repeat(43)}` }
  tokens['a stranger'] = await server.tokenOf('stranger')
  for (const role of ['read', 'write'] as const) tokens[role] = await server.tokenOf(role, role)
  tokens['expired'] = (await server.accounts.createToken({ user: 'write', lifetimeMs: 1 })).secret
  tokens["another repository's"] = (await server.accounts.createToken({ user: 'write', repository: 'studio/game' })).secret
  const revoked = await server.accounts.createToken({ user: 'write' })
  tokens['revoked'] = revoked.secret
  await server.accounts.revokeToken(revoked.token.id)
  server.clock.nowMs += 10
  return { ...server, tokens }
}

/** Sends messages on a new stream, and answers the first answer, or the code of what ended the stream. `meanwhile` happens once the stream is open. */
async function ask({ host }: TestServer, [greeting, ...requests]: readonly [Message, ...Message[]], meanwhile = async () => {}): Promise<readonly RecordValue[]> {
  const connection = connectLoopback((stream, peer) => serveSession(stream, peer, host, { now: () => 0 }))
  const frames = new FrameStream(await connection.openStream(), { now: () => 0, silenceMs: 60_000 })
  try {
    await frames.send(greeting)
    const welcome = await frames.nextMessage()
    if (welcome?.[0] !== 'welcome') return welcome ?? ['end']
    await meanwhile()
    for (const message of requests) await frames.send(message)
    for (;;) {
      const frame = await frames.next()
      if (!frame) return ['end']
      if ('message' in frame) return frame.message
    }
  } catch (error) {
    return ['failed', (error as DitsError).code]
  } finally {
    await connection.close()
  }
}

async function keysOf(store: ByteStore): Promise<string[]> {
  return (await Array.fromAsync(store.list(''))).sort()
}

function hello(repository: string, token: string | undefined): Message {
  return ['hello', protocolVersion, repository, token ?? null, 'test']
}

describe.each(Object.entries(verbs))('the request %s', (_name, { role, request }) => {
  it('is refused once the token was revoked, the repository was put away, or the right to it is lost, on a stream that was open before', async () => {
    const losses: ((studio: TestServer, token: { id: string }) => Promise<unknown>)[] = [
      ({ accounts }, token) => accounts.revokeToken(token.id),
      ({ accounts }) => accounts.removeUser('ada'),
      ({ repositories }) => repositories.remove('studio/film'),
      async ({ accounts, repositories }) => repositories.grant('studio/film', await accounts.readUser('ada'), undefined),
    ]
    for (const lose of losses) {
      const studio = await openStudio()
      await studio.repositories.grant('studio/film', await studio.accounts.addUser('ada', undefined), 'write')
      const { secret, token } = await studio.accounts.createToken({ user: 'ada' })
      const answer = await ask(studio, [hello('studio/film', secret), ...request], async () => void (await lose(studio, token)))
      expect(answer.slice(0, 2)).toEqual(['error', 'access-denied'])
    }
  })

  it.each(['none', 'wrong', 'expired', 'revoked', "another repository's", 'a stranger'])('is refused with a token that is %s', async (which) => {
    const studio = await openStudio()
    const before = await keysOf(studio.store)
    expect((await ask(studio, [hello('studio/film', studio.tokens[which]), ...request])).slice(0, 2)).toEqual(['error', 'access-denied'])
    expect(await keysOf(studio.store)).toEqual(before)
    expect(studio.events.map((event) => event.kind)).toContain('refused')
  })

  it(`is ${role === 'read' ? 'answered' : 'refused'} with a reader's token`, async () => {
    const studio = await openStudio()
    const before = await keysOf(studio.store)
    const [answer, code] = await ask(studio, [hello('studio/film', studio.tokens['read']), ...request])
    if (role === 'read') expect(answer).not.toMatch(/^(error|failed|end)$/)
    else expect([answer, code]).toEqual(['error', 'access-denied'])
    expect(await keysOf(studio.store)).toEqual(before)
  })

  it("is answered with a writer's token", async () => {
    const studio = await openStudio()
    const [answer] = await ask(studio, [hello('studio/film', studio.tokens['write']), ...request])
    expect(answer).not.toMatch(/^(error|failed|end)$/)
  })

  it('is not answered without a greeting', async () => {
    expect(await ask(await openStudio(), request)).toEqual(['failed', 'connection-lost'])
  })
})

it('what is told about a refusal holds no secret', async () => {
  const studio = await openStudio()
  for (const which of ['wrong', 'expired', "another repository's"]) await ask(studio, [hello('studio/film', studio.tokens[which])])
  const told = JSON.stringify(studio.events)
  expect(studio.events).toHaveLength(3)
  for (const secret of Object.values(studio.tokens)) if (secret !== undefined) expect(told).not.toContain(secret)
})

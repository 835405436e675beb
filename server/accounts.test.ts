import { describe, expect, it } from 'vitest'
import { MemoryStore, type ByteStore } from '#core'
import { openTestServer } from './host.fixture.ts'
import { recordAgeMaxMs } from './records.ts'
import { hashSecret, redactSecrets } from './token-secret.ts'

/** Every key and value of a store, as one text. */
async function everythingIn(store: ByteStore): Promise<string> {
  let text = ''
  for await (const key of store.list('')) text += `${key} ${Buffer.from((await store.get(key))!.bytes).toString('latin1')}`
  return text
}

describe('a token', () => {
  it('is of 256 bits behind a prefix, never the same, and identifies its user', async () => {
    const { accounts, tokenOf } = openTestServer()
    const [first, second] = [await tokenOf('ada'), await tokenOf('bob')]
    expect(first).toMatch(/^dits_[A-Za-z0-9_-]{43}$/)
    expect(first).not.toBe(second)
    expect((await accounts.identify(first))?.user.name).toBe('ada')
    expect((await accounts.identify(second))?.user.name).toBe('bob')
  })

  it('is nowhere in the store', async () => {
    const { store, tokenOf } = openTestServer()
    const secret = await tokenOf('ada')
    const stored = await everythingIn(store)
    expect(stored).toContain(hashSecret(secret)!.hash)
    expect(stored).not.toContain(secret)
    expect(stored).not.toContain(secret.slice('dits_'.length))
  })

  it.each(['', 'dits_', 'dits_short', `dits_${'A'.repeat(43)}`, `dits_${'A'.repeat(44)}`, '../../users/ada', 'x'.repeat(10_000)])('that was made up opens nothing: %s', async (secret) => {
    const { accounts, tokenOf } = openTestServer()
    await tokenOf('ada')
    expect(await accounts.identify(secret)).toBeUndefined()
  })

  it('whose id is right and whose hash is not opens nothing', async () => {
    const { accounts, store, tokenOf } = openTestServer()
    const secret = await tokenOf('ada')
    const { id } = hashSecret(secret)!
    const key = `auth/tokens/${id}.json`
    const record = JSON.parse(Buffer.from((await store.get(key))!.bytes).toString())
    await store.put(key, Buffer.from(JSON.stringify({ ...record, hash: `${id}${'0'.repeat(48)}` })))
    expect(await accounts.identify(secret)).toBeUndefined()
  })

  it('expires at its time, not before', async () => {
    const { accounts, clock } = openTestServer()
    await accounts.addUser('ada', 'read')
    const { secret } = await accounts.createToken({ user: 'ada', lifetimeMs: 1000 })
    clock.nowMs += 999
    expect(await accounts.identify(secret)).toBeDefined()
    clock.nowMs += 1
    expect(await accounts.identify(secret)).toBeUndefined()
  })

  it('that one process revoked is refused by another within seconds, and at once where it matters', async () => {
    const store = new MemoryStore()
    const [here, there] = [openTestServer({ store }), openTestServer({ store })]
    const secret = await here.tokenOf('ada')
    const identity = (await there.accounts.identify(secret))!
    await here.accounts.revokeToken(identity.token.id)
    expect(await here.accounts.identify(secret)).toBeUndefined()
    expect(await there.accounts.identifyAgain(identity, { fresh: true })).toBeUndefined()
    there.clock.nowMs += recordAgeMaxMs + 1
    expect(await there.accounts.identify(secret)).toBeUndefined()
  })

  it('goes with its user, and does not come back with the next user of that name', async () => {
    const { accounts, tokenOf } = openTestServer()
    const secret = await tokenOf('ada')
    const other = await tokenOf('bob')
    expect(await accounts.removeUser('ada')).toBe(1)
    expect(await accounts.identify(secret)).toBeUndefined()
    await accounts.addUser('ada', 'admin')
    expect(await accounts.identify(secret)).toBeUndefined()
    expect(await accounts.identify(other)).toBeDefined()
  })

  it('of a user whose removal broke off after its first step is refused', async () => {
    const { accounts, store, tokenOf } = openTestServer()
    const secret = await tokenOf('ada')
    await store.delete('auth/users/ada.json')
    await accounts.addUser('ada', 'read')
    expect(await accounts.identify(secret)).toBeUndefined()
  })
})

describe('users', () => {
  it('are added once, even where two processes add them at the same time', async () => {
    const store = new MemoryStore()
    const [here, there] = [openTestServer({ store }), openTestServer({ store })]
    const results = await Promise.allSettled([here.accounts.addUser('ada', 'read'), there.accounts.addUser('ada', 'admin')])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await expect(here.accounts.addUser('ada', 'read')).rejects.toMatchObject({ code: 'user-exists' })
  })

  it('that are not there cannot be changed, removed, or given a token', async () => {
    const { accounts } = openTestServer()
    await expect(accounts.setRole('ada', 'read')).rejects.toMatchObject({ code: 'unknown-user' })
    await expect(accounts.removeUser('ada')).rejects.toMatchObject({ code: 'unknown-user' })
    await expect(accounts.createToken({ user: 'ada' })).rejects.toMatchObject({ code: 'unknown-user' })
    await expect(accounts.removeUser('../tokens/x')).rejects.toMatchObject({ code: 'bad-user-name' })
    await expect(accounts.revokeToken('../users/ada')).rejects.toMatchObject({ code: 'unknown-token' })
  })

  it('whose record is damaged are an error, not absent', async () => {
    const { accounts, store } = openTestServer()
    for (const text of ['', '{', '[]', 'null', '{"name":"ada"}', '{"name":"ada","id":"1","createdMs":1,"role":"root"}']) {
      await store.put('auth/users/ada.json', Buffer.from(text))
      await expect(accounts.readUser('ada'), text).rejects.toMatchObject({ code: 'auth-damaged' })
    }
  })

  it('keep both changes where two processes change a record at once', async () => {
    const store = new MemoryStore()
    const [here, there] = [openTestServer({ store }), openTestServer({ store })]
    await here.repositories.create('film', { branch: 'main' })
    const [ada, bob] = [await here.accounts.addUser('ada', undefined), await here.accounts.addUser('bob', undefined)]
    await Promise.all([here.repositories.grant('film', ada, 'read'), there.repositories.grant('film', bob, 'write')])
    expect((await here.repositories.read('film')).grants.map(({ user, role }) => `${user} ${role}`).sort()).toEqual(['ada read', 'bob write'])
  })
})

it('secrets are taken out of texts', async () => {
  const secret = await openTestServer().tokenOf('ada')
  expect(redactSecrets(`https://${secret}@host/ "${secret}"`)).toBe('https://dits_***@host/ "dits_***"')
})

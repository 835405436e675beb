import { describe, expect, it } from 'vitest'
import { Attempts, networkOf } from './attempts.ts'

/** A clock that stands, and waits that end when they are told to. */
function openWorld(limits = {}) {
  const world = { nowMs: 0, waits: [] as { ms: number; end(): void }[] }
  const attempts = new Attempts(
    {
      elapsedMs: () => world.nowMs,
      wait: (ms) => new Promise((resolve) => world.waits.push({ ms, end: resolve })),
    },
    { freeFailures: 2, delayMs: 100, delayMsMax: 500, forgiveMs: 1000, waitingMax: 3, addressesMax: 4, ...limits },
  )
  return Object.assign(world, { attempts })
}

describe('attempts with a wrong token', () => {
  it('cost nothing at first, then twice as long each time, up to a bound', async () => {
    const { attempts, waits } = openWorld({ waitingMax: 100 })
    await attempts.fail('10.0.0.1:1')
    await attempts.fail('10.0.0.1:2')
    for (let port = 3; port < 8; port++) void attempts.fail(`10.0.0.1:${port}`)
    expect(waits.map(({ ms }) => ms)).toEqual([100, 200, 400, 500, 500])
  })

  it('of one address slow down no other', async () => {
    const { attempts, waits } = openWorld()
    for (let port = 0; port < 4; port++) void attempts.fail(`10.0.0.1:${port}`)
    expect(waits).toHaveLength(2)
    await attempts.fail('10.0.0.2:1')
    expect(waits).toHaveLength(2)
  })

  it('are forgiven with time', async () => {
    const world = openWorld()
    await world.attempts.fail('a')
    await world.attempts.fail('a')
    world.nowMs = 1999
    await world.attempts.fail('a')
    void world.attempts.fail('a')
    expect(world.waits).toHaveLength(1)
    world.nowMs = 10_000
    await world.attempts.fail('a')
    await world.attempts.fail('a')
    expect(world.waits).toHaveLength(1)
  })

  it('are turned away unseen only while many wait for their answers', async () => {
    const world = openWorld()
    const answers = [1, 2, 3, 4, 5].map((port) => world.attempts.fail(`10.0.0.1:${port}`))
    expect(() => world.attempts.admit('10.0.0.1:6')).toThrow(expect.objectContaining({ code: 'too-many-attempts' }))
    expect(() => world.attempts.admit('10.0.0.2:6')).not.toThrow()
    for (const { end } of world.waits) end()
    await Promise.all(answers)
    expect(() => world.attempts.admit('10.0.0.1:6')).not.toThrow()
  })

  it('are remembered of so many addresses only, the latest ones', async () => {
    const world = openWorld({ freeFailures: 1 })
    for (const address of ['a', 'b', 'c', 'd', 'e']) await world.attempts.fail(address)
    await world.attempts.fail('a')
    expect(world.waits).toHaveLength(0)
    void world.attempts.fail('e')
    expect(world.waits).toHaveLength(1)
  })
})

it.each([
  ['10.0.0.1:5000', '10.0.0.1'],
  ['10.0.0.1', '10.0.0.1'],
  ['[::ffff:10.0.0.1]:5000', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['[2001:db8:0:1:2:3:4:5]:443', '2001:db8:0:1::/64'],
  ['[2001:db8::5]:443', '2001:db8:0:0::/64'],
  ['2001:0DB8::', '2001:db8:0:0::/64'],
  ['[::1]:443', '0:0:0:0::/64'],
  ['[fe80::1%eth0]:443', 'fe80:0:0:0::/64'],
  ['unknown:0', 'unknown'],
])('%s is counted as %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

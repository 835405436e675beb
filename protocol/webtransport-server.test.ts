import { describe, expect, it } from 'vitest'
import { echo } from '../test/contracts/transport-echo.ts'
import type { WebTransportImplementation, WebTransportRequest } from './webtransport-client.ts'
import { createSessions } from './webtransport.fixture.ts'
import { acceptWebTransport, type WebTransportLimits } from './webtransport-server.ts'
import { connectWebTransport } from './webtransport.ts'

/** A listener whose clients are asked for by `knock`, which answers a session or the status that it was turned away with. */
function serve(limits: Partial<WebTransportLimits> = {}) {
  const waiting: WebTransportRequest[] = []
  let onChange: () => void = () => {}
  let isClosed = false
  const implementation: WebTransportImplementation = {
    connect: () => {
      throw new Error('not here')
    },
    listen: () => ({
      accept: async () => {
        while (waiting.length === 0 && !isClosed) await new Promise<void>((resolve) => (onChange = resolve))
        return waiting.shift()
      },
      close: () => {
        isClosed = true
        onChange()
      },
    }),
  }
  const refused: string[] = []
  const server = acceptWebTransport(implementation, {
    address: '127.0.0.1:1',
    certificate: '',
    key: '',
    isPath: (path) => path === '/dits',
    handler: echo,
    limits: { graceMs: 0, ...limits },
    onRefused: (path, why) => refused.push(`${path}: ${why}`),
  })
  const knock = (path: string) => {
    const answer = Promise.withResolvers<number | ReturnType<typeof createSessions>>()
    const accept = async () => {
      const sessions = createSessions()
      answer.resolve(sessions)
      return sessions.server
    }
    waiting.push({ url: `https://127.0.0.1:1${path}`, accept, reject: async (status) => answer.resolve(status) })
    onChange()
    return answer.promise
  }
  return { server, refused, knock }
}

describe('a WebTransport server', () => {
  it('serves the streams of sessions at its path, and is there for the next one while it does', async () => {
    const { server, knock } = serve()
    for (const said of ['first', 'second']) {
      const session = await knock('/dits?x=1')
      if (typeof session === 'number') throw new Error(`turned away with ${session}`)
      const stream = await (await connectWebTransport(session.client, 'server')).openStream()
      await stream.write(Buffer.from(said))
      expect(Buffer.from((await stream.read())!).toString()).toBe(said)
    }
    await server.close()
  })

  it('turns away other paths, and more sessions than it may have', async () => {
    const { server, refused, knock } = serve({ sessionsMax: 1 })
    expect(await knock('/other')).toBe(404)
    expect(await knock('/dits')).toBeTypeOf('object')
    expect(await knock('/dits')).toBe(503)
    expect(refused).toEqual(['/other: there is nothing at this path', '/dits: there are 1 sessions already'])
    await server.close()
  })

  it('fails the streams that are left when it stops', async () => {
    const { server, knock } = serve()
    const session = await knock('/dits')
    if (typeof session === 'number') throw new Error(`turned away with ${session}`)
    const stream = await (await connectWebTransport(session.client, 'server')).openStream()
    const reading = expect(stream.read()).rejects.toMatchObject({ code: 'connection-lost' })
    await server.close()
    await reading
  })
})

import { once } from 'node:events'
import net from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPageServer, listen, urlOf, type PageRequest } from './http.ts'

describe('pages', () => {
  const server = { url: '', port: 0, asked: [] as PageRequest[], errors: [] as unknown[], close: async () => {} }
  beforeEach(async () => {
    Object.assign(server, { asked: [], errors: [] })
    const pages = {
      '/page': async (request: PageRequest) => {
        server.asked.push(request)
        return { status: 200, text: 'grün\n' }
      },
      '/broken': async () => {
        throw new Error('the reason')
      },
    }
    const http = createPageServer(pages, { onError: (error) => server.errors.push(error) })
    const address = await listen(http, { host: '127.0.0.1', port: 0 })
    Object.assign(server, { url: urlOf('http', address), port: address.port })
    server.close = async () => {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    }
  })
  afterEach(() => server.close())

  /** Sends bytes as they are, and answers everything until the connection ends. */
  async function send(text: string): Promise<string> {
    const socket = net.connect(server.port, '127.0.0.1')
    socket.on('error', () => undefined).write(text)
    let answer = ''
    socket.on('data', (piece: Buffer) => (answer += piece.toString()))
    await once(socket, 'close')
    return answer
  }

  it('are found by their path, without what follows a question mark', async () => {
    const response = await fetch(`${server.url}/page?x=1`)
    expect([response.status, await response.text(), response.headers.get('cache-control')]).toEqual([200, 'grün\n', 'no-store'])
    expect((await fetch(`${server.url}/page`, { method: 'HEAD' })).headers.get('content-length')).toBe('6')
  })

  it.each(['/', '/nothing', '/page/', '//page', '/constructor', '/__proto__', '/../page'])('are not found by %s', async (path) => {
    expect(await send(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 404 /)
  })

  it('are only read', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) expect((await fetch(`${server.url}/page`, { method })).status).toBe(405)
    expect(server.asked).toEqual([])
  })

  it('hear of a token and an address, and of no token that is too long or of another kind', async () => {
    for (const authorization of ['Bearer dits_x', 'bearer dits_y', 'Basic dits_x', `Bearer ${'x'.repeat(1025)}`, 'Bearer', 'Bearer a b']) await fetch(`${server.url}/page`, { headers: { authorization } })
    expect(server.asked.map(({ token }) => token)).toEqual(['dits_x', 'dits_y', undefined, undefined, undefined, undefined])
    expect(server.asked[0]!.address).toMatch(/^127\.0\.0\.1:\d+$/)
  })

  it('that fail say so to the log, and nothing of the reason to the client', async () => {
    const response = await fetch(`${server.url}/broken`)
    expect([response.status, await response.text()]).toEqual([500, 'the server failed at this request\n'])
    expect(server.errors).toEqual([expect.objectContaining({ message: 'the reason' })])
  })

  it('are not given to who says too much', async () => {
    expect(await send(`GET /page HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(9000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /)
    expect(await send('no HTTP at all\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
    expect(server.asked).toEqual([])
  })

  it('answer without reading what a request brings along', async () => {
    expect(await send('POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nthe first bytes')).toMatch(/^HTTP\/1\.1 405 /)
  })
})

it('an address that is taken is said, with what to do', async () => {
  const first = createPageServer({}, { onError: () => undefined })
  const { port } = await listen(first, { host: '127.0.0.1', port: 0 })
  const second = createPageServer({}, { onError: () => undefined })
  await expect(listen(second, { host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'address-unavailable', hint: expect.stringContaining('--listen') })
  first.close()
})

it('keys that do not belong together are said', () => {
  expect(() => createPageServer({}, { tls: { cert: 'no certificate', key: 'no key' }, onError: () => undefined })).toThrow(expect.objectContaining({ code: 'certificate-damaged' }))
})

it.each([
  [{ address: '127.0.0.1', family: 'IPv4', port: 80 }, 'https://127.0.0.1:80'],
  [{ address: '0.0.0.0', family: 'IPv4', port: 3487 }, 'https://localhost:3487'],
  [{ address: '::', family: 'IPv6', port: 3487 }, 'https://localhost:3487'],
  [{ address: '::1', family: 'IPv6', port: 3487 }, 'https://[::1]:3487'],
])('%o is called %s', (address, url) => {
  expect(urlOf('https', address)).toBe(url)
})

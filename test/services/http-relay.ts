import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the relay does with one request. */
export type Fate =
  | 'pass'
  /** It answers 503 itself, as a server that is overloaded. */
  | 'overloaded'
  /** It takes the request, and the connection breaks before anything reaches the server. */
  | 'lost'
  /** The server does it; its answer is lost with the connection. */
  | 'answer lost'
  /** The connection breaks in the middle of the answer's body. */
  | 'answer cut'
  /** No answer ever comes. */
  | 'silent'
  /** The relay answers in the server's place. */
  | { status: number; headers?: Record<string, string>; body?: string }

export interface Relay {
  endpoint: string
  /** Decides about each request; may wait, and may do something of its own first. Everything passes where it is not set. */
  fate: (request: IncomingMessage) => Fate | Promise<Fate>
  /** Called where the server has done what is answered by 'answer lost', before the connection breaks. */
  afterwards: () => Promise<void>
  close(): Promise<void>
}

/** A relay in front of an HTTP server, which treats each request as it is told. */
export async function startRelay(target: string): Promise<Relay> {
  const server = createServer((request, response) => {
    void treat(relay, target, request, response).catch(() => request.socket.destroy())
  })
  const relay: Relay = {
    endpoint: '',
    fate: () => 'pass',
    afterwards: async () => {},
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  relay.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return relay
}

async function treat(relay: Relay, target: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  const fate = await relay.fate(request)
  if (fate === 'silent') return
  if (fate === 'lost') return void request.socket.destroy()
  if (fate === 'overloaded') return void response.writeHead(503, { 'content-type': 'text/plain' }).end('busy')
  if (typeof fate === 'object') return void response.writeHead(fate.status, fate.headers).end(fate.body)
  const { answer, body } = await forward(target, request, Buffer.concat(pieces))
  if (fate === 'answer lost') {
    await relay.afterwards()
    return void request.socket.destroy()
  }
  response.writeHead(answer.statusCode ?? 500, answer.headers)
  if (fate === 'pass') return void response.end(body)
  response.write(body.subarray(0, body.length >> 1), () => request.socket.destroy())
}

/** The headers go as they came: they are signed. */
function forward(target: string, request: IncomingMessage, body: Buffer): Promise<{ answer: IncomingMessage; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const forwarded = ask(target + request.url, { method: request.method ?? 'GET', headers: request.headers, agent: false }, async (answer) => {
      const pieces: Buffer[] = []
      for await (const piece of answer) pieces.push(piece as Buffer)
      resolve({ answer, body: Buffer.concat(pieces) })
    })
    forwarded.once('error', reject).end(body)
  })
}

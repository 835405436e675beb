import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** What a relay does to whatever passes, in each direction. */
export interface RelayOptions {
  /** Time on the way. */
  delayMs?: number
  /** Of all connections together. */
  bytesPerSecond?: number
}

export interface TcpRelay {
  port: number
  /** Passed on so far, in both directions together. */
  readonly bytes: number
  /** Lets so many more bytes pass, then resets all connections; once. */
  cutAfter(bytes: number): void
  /** Calls once so many bytes in all have been passed on, right after the piece with the last of them; in place of what was to be called before. */
  callAt(bytes: number, action: () => void): void
  /** Resolves when no connection is open: what the system delivers of a process that was killed has arrived. */
  whenIdle(): Promise<void>
  /** Resets all connections; new ones are taken. */
  cut(): void
  /** Passes nothing on any more and says nothing, as a cable that was pulled. */
  freeze(): void
  close(): Promise<void>
}

/** A bad line of the test's own: clients connect to its port instead of `target` on this machine. */
export async function startTcpRelay(target: number, options: RelayOptions = {}): Promise<TcpRelay> {
  const schedule = createSchedule(options)
  const sockets = new Set<Socket>()
  let [bytes, bytesLeft, isFrozen] = [0, Infinity, false]
  let due = { bytes: Infinity, action: () => {} }
  const callWhatIsDue = () => {
    const { action } = due
    if (bytes < due.bytes) return
    due = { bytes: Infinity, action: () => {} }
    action()
  }
  const cut = () => {
    bytesLeft = Infinity
    for (const socket of sockets) socket.resetAndDestroy()
  }
  const pass = (from: Socket, to: Socket) => {
    from.on('data', (data: Buffer) => {
      if (isFrozen) return
      const passing = data.subarray(0, bytesLeft)
      bytesLeft -= passing.length
      bytes += passing.length
      from.pause()
      schedule(passing.length, () => {
        if (!to.writable) return
        const isTaken = to.write(passing, () => bytesLeft === 0 && cut())
        callWhatIsDue()
        if (isTaken) from.resume()
        else to.once('drain', () => from.resume())
      })
    })
    from.on('end', () => schedule(0, () => !isFrozen && to.end()))
    from.on('error', () => to.destroy())
    from.on('close', () => {
      sockets.delete(from)
      if (!isFrozen && from.readableAborted) to.destroy()
    })
  }
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true })
    sockets.add(near).add(far)
    pass(near, far)
    pass(far, near)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get bytes() {
      return bytes
    },
    cutAfter: (count) => {
      bytesLeft = count
    },
    callAt: (bytes, action) => {
      due = { bytes, action }
    },
    whenIdle: async () => {
      while (sockets.size > 0) await Promise.all([...sockets].map((socket) => once(socket, 'close')))
    },
    cut,
    freeze: () => {
      isFrozen = true
    },
    close: async () => {
      server.close()
      cut()
      await once(server, 'close')
    },
  }
}

export interface UdpRelay {
  port: number
  /** Packets that were passed on and that were lost, in both directions together. */
  readonly packets: { passed: number; lost: number }
  /** The server sees all clients come from new addresses from now on, as when a network is changed. */
  rebind(): void
  freeze(): void
  close(): Promise<void>
}

/** As `startTcpRelay` for packets, some of which get lost: which ones is decided by the seed. */
export async function startUdpRelay(target: number, options: RelayOptions & { lossRate?: number; seed: number }): Promise<UdpRelay> {
  const schedule = createSchedule(options)
  const random = createRandom(options.seed)
  const { lossRate = 0 } = options
  const packets = { passed: 0, lost: 0 }
  const upstreams = new Map<string, UdpSocket>()
  const old: UdpSocket[] = []
  let isFrozen = false
  const front = createSocket('udp4')
  const pass = (packet: Buffer, send: (packet: Buffer) => void) => {
    const isLost = isFrozen || random() < lossRate
    packets[isLost ? 'lost' : 'passed']++
    if (!isLost) schedule(packet.length, () => send(packet))
  }
  front.on('message', (packet, client) => {
    const name = `${client.address}:${client.port}`
    let upstream = upstreams.get(name)
    if (!upstream) {
      upstream = createSocket('udp4')
      upstream.on('message', (answer) => pass(answer, (bytes) => send(front, bytes, client.port, client.address)))
      upstreams.set(name, upstream)
    }
    const passing = upstream
    pass(packet, (bytes) => send(passing, bytes, target, '127.0.0.1'))
  })
  front.bind(0, '127.0.0.1')
  await once(front, 'listening')
  return {
    port: front.address().port,
    packets,
    rebind: () => {
      // The old addresses stay open, so that what is still sent there comes through.
      old.push(...upstreams.values())
      upstreams.clear()
    },
    freeze: () => {
      isFrozen = true
    },
    close: async () => {
      isFrozen = true
      for (const socket of [...upstreams.values(), ...old, front]) closeQuietly(socket)
    },
  }
}

function send(socket: UdpSocket, packet: Buffer, port: number, address: string): void {
  try {
    socket.send(packet, port, address, () => {})
  } catch {
    // It was closed while the packet was on its way.
  }
}

function closeQuietly(socket: UdpSocket): void {
  try {
    socket.close()
  } catch {
    // It never sent anything.
  }
}

/** Runs deliveries in order, each after its delay and when the line is free. */
function createSchedule({ delayMs = 0, bytesPerSecond = Infinity }: RelayOptions): (bytes: number, deliver: () => void) => void {
  let freeAtMs = 0
  return (bytes, deliver) => {
    if (delayMs === 0 && bytesPerSecond === Infinity) return deliver()
    const nowMs = performance.now()
    freeAtMs = Math.max(freeAtMs, nowMs) + (bytes / bytesPerSecond) * 1000
    setTimeout(deliver, freeAtMs - nowMs + delayMs)
  }
}

/** Numbers from 0 to 1, the same for the same seed (xorshift32). */
function createRandom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b9) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

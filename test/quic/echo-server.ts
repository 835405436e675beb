import { loadWebTransport } from '../../protocol/webtransport-client.ts'
import { echo } from '../contracts/transport-echo.ts'
import { serveOverQuic } from './serve.ts'

/** A process that echoes over WebTransport until its standard input ends, for clients that nobody here wrote. */
const loaded = loadWebTransport()
if (typeof loaded === 'string') throw new Error(loaded)
const { port, fingerprint } = await serveOverQuic(loaded, echo)
console.log(JSON.stringify({ port, fingerprint }))
// The native listener would keep the process alive.
process.stdin.resume().once('end', () => process.exit())

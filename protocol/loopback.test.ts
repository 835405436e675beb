import { transportContract } from '../test/contracts/transport.ts'
import { connectLoopback } from './loopback.ts'

transportContract('loopback', async (handler) => ({ connection: connectLoopback(handler), close: async () => {} }), { canBeCut: false })

import { serveBatches } from '../threads/worker-thread.ts'
import { openCheck } from './check-thread.ts'

/** A thread that verifies packs for `checkRepository`. */

serveBatches(openCheck)

import { serveBatches } from '../threads/worker-thread.ts'
import { openCheckout } from './checkout-thread.ts'

/** A thread that writes files for `writeFiles`. */

serveBatches(openCheckout)

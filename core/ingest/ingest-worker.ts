import { serveBatches } from '../threads/worker-thread.ts'
import { openIngest } from './ingest-thread.ts'

/** A thread that ingests files for `ingestFiles`. */

serveBatches(openIngest)

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ServedEvent } from '../protocol/host.ts'

/** What a server counts, for Prometheus. */
export interface Metrics {
  readonly contentType: string
  /** All figures in Prometheus's text format. */
  text(): Promise<string>
  countEvent(event: ServedEvent): void
  /** A stream began; the call that it answers says that it is over. */
  countStream(transport: string): () => void
  /** A client was turned away before it said who it is. */
  countTurnedAway(): void
}

/** `countConnections` answers how many connections are open now. */
export function createMetrics(countConnections: () => Promise<number>): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  new Gauge({
    name: 'dits_connections',
    help: 'Connections that are open.',
    registers,
    async collect() {
      this.set(await countConnections())
    },
  })
  const streams = new Gauge({ name: 'dits_streams', help: 'Streams that are open.', labelNames: ['transport'], registers })
  const streamsEver = new Counter({ name: 'dits_streams_total', help: 'Streams that were opened.', labelNames: ['transport'], registers })
  const turnedAway = new Counter({ name: 'dits_turned_away_total', help: 'Connections that were turned away: too many, too slow, or no request that makes sense.', registers })
  const requests = new Histogram({
    name: 'dits_request_seconds',
    help: 'Requests, and how long they took.',
    labelNames: ['request'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
    registers,
  })
  const bytesIn = new Counter({ name: 'dits_received_bytes_total', help: 'Bytes that requests brought.', registers })
  const bytesOut = new Counter({ name: 'dits_sent_bytes_total', help: 'Bytes that answers took.', registers })
  const pushes = new Counter({ name: 'dits_pushes_total', help: 'Pushes that moved refs.', registers })
  const moves = new Counter({ name: 'dits_refs_moved_total', help: 'Refs that pushes moved.', registers })
  const failed = new Counter({ name: 'dits_failed_total', help: 'Requests that failed through a fault of the server; its log has the reasons.', registers })
  const refused = new Counter({ name: 'dits_refused_total', help: 'Requests that were refused, by error code.', labelNames: ['code'], registers })

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    countTurnedAway: () => turnedAway.inc(),
    countStream(transport) {
      streams.inc({ transport })
      streamsEver.inc({ transport })
      return () => streams.dec({ transport })
    },
    countEvent(event) {
      if (event.kind === 'refused') return refused.inc({ code: event.code })
      if (event.kind === 'failed') return failed.inc()
      if (event.kind === 'moved') {
        pushes.inc()
        return moves.inc(event.moves.length)
      }
      requests.observe({ request: event.request }, event.ms / 1000)
      bytesIn.inc(event.bytesIn)
      bytesOut.inc(event.bytesOut)
    },
  }
}

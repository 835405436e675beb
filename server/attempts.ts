import { isIPv6 } from 'node:net'
import { DitsError } from '#core'

export interface AttemptLimits {
  /** Failures that cost no time. */
  freeFailures: number
  /** What the first failure beyond costs; each further one costs twice as much, up to `delayMsMax`. */
  delayMs: number
  delayMsMax: number
  /** An address is forgiven one failure in this time. */
  forgiveMs: number
  /** Attempts of one address that may wait for their answer at once. */
  waitingMax: number
  /** Addresses that are remembered; the one that failed longest ago is forgotten first. */
  addressesMax: number
}

export const attemptLimits: Readonly<AttemptLimits> = {
  freeFailures: 3,
  delayMs: 250,
  delayMsMax: 10_000,
  forgiveMs: 30_000,
  waitingMax: 8,
  addressesMax: 10_000,
}

interface Failures {
  count: number
  countedMs: number
  waiting: number
}

/**
 * Slows down whoever tries secrets. A failed attempt is answered late, the
 * later the more there were from the same address; a good secret is never
 * delayed, so that one who mistypes does not lock out a whole office. Only
 * while many failed attempts of an address wait for their answers are further
 * ones turned away unseen.
 */
export class Attempts {
  readonly #limits: AttemptLimits
  readonly #elapsedMs: () => number
  readonly #wait: (ms: number) => Promise<void>
  readonly #addresses = new Map<string, Failures>()

  /** `elapsedMs` is a clock that never goes back, `wait` resolves after so many milliseconds. */
  constructor(world: { elapsedMs(): number; wait(ms: number): Promise<void> }, limits: Partial<AttemptLimits> = {}) {
    this.#elapsedMs = world.elapsedMs
    this.#wait = world.wait
    this.#limits = { ...attemptLimits, ...limits }
  }

  /** Throws `too-many-attempts` where an attempt from this address is not even to be looked at. */
  admit(address: string): void {
    if ((this.#addresses.get(networkOf(address))?.waiting ?? 0) < this.#limits.waitingMax) return
    throw new DitsError('too-many-attempts', 'too many attempts with a wrong token', { hint: 'wait a minute; then run: dits login' })
  }

  /** Counts a failure, and resolves when it may be answered. */
  async fail(address: string): Promise<void> {
    const failures = this.#failuresOf(networkOf(address))
    failures.count++
    const beyond = failures.count - this.#limits.freeFailures
    if (beyond <= 0) return
    failures.waiting++
    try {
      await this.#wait(Math.min(this.#limits.delayMsMax, this.#limits.delayMs * 2 ** Math.min(beyond - 1, 30)))
    } finally {
      failures.waiting--
    }
  }

  #failuresOf(network: string): Failures {
    const nowMs = this.#elapsedMs()
    const failures = this.#addresses.get(network) ?? { count: 0, countedMs: nowMs, waiting: 0 }
    const forgiven = Math.floor((nowMs - failures.countedMs) / this.#limits.forgiveMs)
    failures.count = Math.max(0, failures.count - forgiven)
    failures.countedMs = failures.count === 0 ? nowMs : failures.countedMs + forgiven * this.#limits.forgiveMs
    this.#addresses.delete(network)
    this.#addresses.set(network, failures)
    if (this.#addresses.size > this.#limits.addressesMax) this.#addresses.delete(this.#addresses.keys().next().value!)
    return failures
  }
}

/** What one party is taken to own: an IPv4 address, or the first 64 bits of an IPv6 one. The port does not count. */
export function networkOf(address: string): string {
  const host = /^\[(.*)\](?::\d+)?$/.exec(address)?.[1] ?? (isIPv6(address) ? address : address.replace(/:\d+$/, ''))
  if (!isIPv6(host)) return host
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1]
  return mapped ?? `${expand(host).slice(0, 4).join(':')}::/64`
}

/** The eight groups of an IPv6 address, without leading zeros. */
function expand(address: string): string[] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const groups = (text: string) => text.split(':').filter((group) => group !== '')
  const [front, back] = [groups(head), groups(tail ?? '')]
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0')
  return [...front, ...zeros, ...back].map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
}

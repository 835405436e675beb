import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

/**
 * What goes wrong at a chosen writing call of node:fs:
 * - `die`: the process ends before the call. Played rather than done: this
 *   call and every later one of any thread throws and changes nothing, so that
 *   thousands of ends fit into one process.
 * - `die-late`: the same after the call; of a write, half of the bytes are there.
 * - `kill`, `kill-late`: the same, but the process really ends, by SIGKILL.
 * - `ENOSPC`, `EIO`: the call fails once; `ENOSPC-on`, `EIO-on`: every later one too.
 * - `short`: from this call on the system takes half of what each write offers.
 */
export type FaultKind = 'die' | 'die-late' | 'kill' | 'kill-late' | 'ENOSPC' | 'EIO' | 'ENOSPC-on' | 'EIO-on' | 'short'

export const faultKinds: readonly FaultKind[] = ['die', 'die-late', 'kill', 'kill-late', 'ENOSPC', 'EIO', 'ENOSPC-on', 'EIO-on', 'short']

export interface FaultPlan {
  kind: FaultKind
  /** The number of the call, from 1. */
  at: number
  /** Absolute; only calls that change something below it count. */
  folder: string
}

/** What became of a plan. */
export interface FaultReport {
  /** Writing calls below the folder. */
  calls: number
  /** The call that the fault hit, as `name path`; `undefined` where there were fewer calls. */
  hit: string | undefined
}

const words = 16
const textBytes = 4096
const dataName = 'dits-fault-control'
const slots = { armed: 0, kind: 1, at: 2, calls: 3, dead: 4, hitBytes: 5, folderBytes: 6, inFlight: 7 } as const

/** The plan and its progress, in memory that the process's threads share. */
export class FaultControl {
  readonly #words: Int32Array
  readonly #hit: Uint8Array
  readonly #folder: Uint8Array

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, words)
    this.#hit = new Uint8Array(memory, words * 4, textBytes)
    this.#folder = new Uint8Array(memory, words * 4 + textBytes, textBytes)
  }

  /** The control of this process, which its threads find too. */
  static shared(): FaultControl {
    const found = getEnvironmentData(dataName)
    const memory = found instanceof SharedArrayBuffer ? found : new SharedArrayBuffer(words * 4 + 2 * textBytes)
    setEnvironmentData(dataName, memory)
    return new FaultControl(memory)
  }

  arm(plan: FaultPlan): void {
    this.#words.fill(0)
    this.#words[slots.kind] = faultKinds.indexOf(plan.kind)
    this.#words[slots.at] = plan.at
    this.#words[slots.folderBytes] = putText(this.#folder, plan.folder)
    Atomics.store(this.#words, slots.armed, 1)
  }

  /** Ends the plan once no call that was under way is left. */
  async disarm(): Promise<FaultReport> {
    do await new Promise((resolve) => setImmediate(resolve))
    while (Atomics.load(this.#words, slots.inFlight) > 0)
    Atomics.store(this.#words, slots.armed, 0)
    const hitBytes = this.#words[slots.hitBytes]!
    return { calls: this.#words[slots.calls]!, hit: hitBytes > 0 ? getText(this.#hit, hitBytes) : undefined }
  }

  /** Whether a call on this path counts. */
  covers(path: string): boolean {
    if (Atomics.load(this.#words, slots.armed) === 0) return false
    return path.startsWith(getText(this.#folder, this.#words[slots.folderBytes]!))
  }

  /** Counts a call; answers what is to go wrong with it. */
  count(name: string, path: string): FaultKind | undefined {
    if (Atomics.load(this.#words, slots.dead) !== 0) return 'die'
    const kind = faultKinds[this.#words[slots.kind]!]!
    const call = Atomics.add(this.#words, slots.calls, 1) + 1
    const at = this.#words[slots.at]!
    if (call < at || (call > at && !kind.endsWith('-on') && kind !== 'short')) return undefined
    if (call === at) this.#words[slots.hitBytes] = putText(this.#hit, `${name} ${path}`)
    if (kind.startsWith('die')) Atomics.store(this.#words, slots.dead, 1)
    return kind
  }

  /** Keeps `disarm` waiting while a call is under way. */
  async during<T>(call: () => Promise<T>): Promise<T> {
    Atomics.add(this.#words, slots.inFlight, 1)
    try {
      return await call()
    } finally {
      Atomics.sub(this.#words, slots.inFlight, 1)
    }
  }
}

function putText(target: Uint8Array, text: string): number {
  const bytes = Buffer.from(text, 'latin1').subarray(0, textBytes)
  target.set(bytes)
  return bytes.length
}

function getText(source: Uint8Array, length: number): string {
  // A copy: text is not decoded from shared memory.
  return Buffer.from(source.slice(0, length)).toString('latin1')
}

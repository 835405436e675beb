import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

/**
 * What goes wrong at a chosen writing call of node:fs:
 * - `die`: the process ends before the call. Played rather than done: this
 *   call and every later one of any thread throws and changes nothing, so that
 *   thousands of ends fit into one process.
 * - `tear`: the same in the middle of a write: half of the bytes are there. Only writes count.
 * - `kill`: as `die`, but the process really ends, by SIGKILL.
 * - `ENOSPC`: the disk is full from this call on. Calls that need no room do not count.
 * - `EIO`: the call fails, and the next succeed.
 * - `short`: from this call on the system takes half of what each write offers. Only writes count.
 */
export type FaultKind = 'die' | 'tear' | 'kill' | 'ENOSPC' | 'EIO' | 'short'

export const faultKinds: readonly FaultKind[] = ['die', 'tear', 'kill', 'ENOSPC', 'EIO', 'short']

/** Kinds that only meet calls that write bytes, and those that go on with every later call. */
const kindsOfWrites: readonly FaultKind[] = ['tear', 'short']
const lastingKinds: readonly FaultKind[] = ['ENOSPC', 'short']
const isWrite = /^(write|writev|writeFile|appendFile)(Sync)?$/
/** Calls that need no room on the disk. */
const needsNoRoom = /^(unlink|rmdir|rm|chmod|fchmod|utimes|futimes|lutimes)(Sync)?$/

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
const slots = { armed: 0, kind: 1, at: 2, calls: 3, dead: 4, hitBytes: 5, folderBytes: 6 } as const

let shared: FaultControl | undefined

/** The plan and its progress, in memory that the process's threads share. */
export class FaultControl {
  readonly #words: Int32Array
  readonly #hit: Uint8Array
  readonly #folder: Uint8Array
  /** Calls of this thread alone: a thread that is ended waits for its own. */
  #inFlight = 0

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, words)
    this.#hit = new Uint8Array(memory, words * 4, textBytes)
    this.#folder = new Uint8Array(memory, words * 4 + textBytes, textBytes)
  }

  /** The control of this process, which its threads find too. */
  static shared(): FaultControl {
    if (shared) return shared
    const found = getEnvironmentData(dataName)
    const memory = found instanceof SharedArrayBuffer ? found : new SharedArrayBuffer(words * 4 + 2 * textBytes)
    setEnvironmentData(dataName, memory)
    return (shared = new FaultControl(memory))
  }

  arm(plan: FaultPlan): void {
    this.#words.fill(0)
    this.#words[slots.kind] = faultKinds.indexOf(plan.kind)
    this.#words[slots.at] = plan.at
    this.#words[slots.folderBytes] = putText(this.#folder, plan.folder)
    Atomics.store(this.#words, slots.armed, 1)
  }

  /** Ends the plan once no call of this thread is under way. */
  async disarm(): Promise<FaultReport> {
    do await new Promise((resolve) => setImmediate(resolve))
    while (this.#inFlight > 0)
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
    if (kindsOfWrites.includes(kind) ? !isWrite.test(name) : kind === 'ENOSPC' && needsNoRoom.test(name)) return undefined
    const call = Atomics.add(this.#words, slots.calls, 1) + 1
    const at = this.#words[slots.at]!
    if (call < at || (call > at && !lastingKinds.includes(kind))) return undefined
    if (call === at) this.#words[slots.hitBytes] = putText(this.#hit, `${name} ${path}`)
    if (kind === 'die' || kind === 'tear') Atomics.store(this.#words, slots.dead, 1)
    return kind
  }

  /** Keeps `disarm` waiting while a call is under way. */
  async during<T>(call: () => Promise<T>): Promise<T> {
    this.#inFlight++
    try {
      return await call()
    } finally {
      this.#inFlight--
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

import type { ByteStore } from '#core'
import type { ServedEvent } from '../protocol/host.ts'
import type { Accounts, Clock } from './accounts.ts'
import type { Attempts } from './attempts.ts'
import type { Page, PageRequest, Pages } from './http.ts'
import type { Log } from './log.ts'
import { lesserRole } from './role.ts'

const readyWaitMs = 5_000
const readyAgeMaxMs = 1_000

/** What the pages of a server work with. */
export interface PagesOptions {
  store: ByteStore
  accounts: Accounts
  attempts: Attempts
  clock: Clock
  /** Resolves after so many milliseconds. */
  wait(ms: number): Promise<void>
  log: Log
  version: string
  report(event: ServedEvent): void
}

/** `/healthz`, `/readyz`, and `/whoami`, which tells who holds a token. */
export function createPages(options: PagesOptions): Pages {
  let checked: { atMs: number; answer: Promise<boolean> } | undefined
  const isReady = () => {
    const atMs = options.clock.elapsedMs()
    // Asked once for all who ask at the same time: anybody may, and the store has other work.
    if (!checked || atMs - checked.atMs > readyAgeMaxMs) checked = { atMs, answer: isReachable(options) }
    return checked.answer
  }
  return {
    '/healthz': async () => ({ status: 200, text: 'ok\n' }),
    '/readyz': async () => ((await isReady()) ? { status: 200, text: 'ready\n' } : { status: 503, text: 'the store cannot be reached\n' }),
    '/whoami': (request) => whoAmI(options, request),
  }
}

/** Tells who holds a token: what `dits login` asks before it keeps one. */
async function whoAmI({ accounts, attempts, version, report }: PagesOptions, { token, address }: PageRequest): Promise<Page> {
  try {
    attempts.admit(address)
  } catch (error) {
    return { status: 429, text: `${(error as Error).message}\n` }
  }
  const identity = token === undefined ? undefined : await accounts.identify(token, { fresh: true })
  if (identity) {
    const { user, token: known } = identity
    const answer = { user: user.name, role: lesserRole(user.role, known.role ?? 'admin'), repository: known.repository, expiresMs: known.expiresMs, version }
    return { status: 200, text: `${JSON.stringify(answer)}\n`, contentType: 'application/json' }
  }
  report({ kind: 'refused', repository: '', user: undefined, peer: { address, transport: 'http' }, code: 'access-denied', message: 'no token, or a wrong one' })
  await attempts.fail(address)
  return { status: 401, text: 'no token, or a wrong one\n' }
}

async function isReachable({ store, wait, log }: PagesOptions): Promise<boolean> {
  try {
    const asked = store.stat('auth/format').then((found) => found !== undefined)
    const answered = await Promise.race([asked, wait(readyWaitMs).then(() => false)])
    if (!answered) log.error({ waitedMs: readyWaitMs }, 'the store does not answer, or not as the store of a server')
    return answered
  } catch (error) {
    log.error({ error }, 'the store cannot be reached')
    return false
  }
}

import { DitsError } from '../errors.ts'
import type { ObjectRef } from '../reachable.ts'

/**
 * Where a partial repository gets the content that it lacks.
 *
 * What every implementation promises: when `bring` resolves, every object that
 * was asked for, verified, is durable in the repository's own store, where
 * whoever looks next finds it. Objects that the store holds already may be
 * asked for. Where one cannot be had it throws `content-unavailable`; what came
 * before that may stay.
 */
export interface ContentSource {
  /** `onBytes` is told how many bytes came since it was last called. */
  bring(wanted: readonly ObjectRef[], options?: BringOptions): Promise<void>
  /** Called once, when the repository is closed. */
  close?(): Promise<void>
}

export interface BringOptions {
  signal?: AbortSignal | undefined
  onBytes?: ((bytes: number) => void) | undefined
}

/** The content source of an open repository: opened when it is first needed, and kept until the repository is closed. */
export interface ContentSupply {
  /** `undefined` where nothing was said about where content comes from. */
  open(): Promise<ContentSource | undefined>
  close(): Promise<void>
}

/** A supply from the source that `openSource` opens. `open` throws what that throws, and may be tried again then. */
export function createSupply(openSource: (() => Promise<ContentSource>) | undefined): ContentSupply {
  let opened: Promise<ContentSource> | undefined
  return {
    open: async () => {
      // What failed to open may be tried again.
      opened ??= openSource?.().catch((error: unknown) => {
        opened = undefined
        throw error
      })
      return opened
    },
    close: async () => {
      const source = await opened?.catch(() => undefined)
      opened = undefined
      await source?.close?.()
    },
  }
}

/** The error for content that cannot be had; `what` reads like "of 'a.mov'". */
export function contentUnavailable(what: string, hint: string): DitsError {
  return new DitsError('content-unavailable', `the content ${what} is not here`, { hint })
}

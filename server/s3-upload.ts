import type { Permits } from './s3-parts.ts'

/** The steps of a multipart upload, each tried as often as is sensible. */
export interface Upload {
  /** Answers the upload's id. */
  begin(): Promise<string>
  /** Sends part `number`, the first being 1; answers its ETag. */
  send(id: string, number: number, part: Uint8Array): Promise<string>
  /** Makes the parts the value; answers whether that was stored. */
  complete(id: string, etags: readonly string[]): Promise<boolean>
  /** Drops the parts. */
  abort(id: string): Promise<void>
}

/**
 * Sends parts, several at a time as `permits` allow, and completes the value.
 * Nothing is visible before that. Where anything fails, or the value is not
 * stored, the parts that were sent are dropped; only a crash leaves them
 * (`S3Store.sweepUnfinished`).
 */
export async function uploadInParts(parts: AsyncIterable<Uint8Array>, upload: Upload, permits: Permits): Promise<boolean> {
  const id = await upload.begin()
  let stored = false
  try {
    stored = await upload.complete(id, await sendParts(parts, (number, part) => upload.send(id, number, part), permits))
  } finally {
    // What went wrong first is what is to be heard of.
    if (!stored) await upload.abort(id).catch(() => undefined)
  }
  return stored
}

async function sendParts(parts: AsyncIterable<Uint8Array>, send: (number: number, part: Uint8Array) => Promise<string>, permits: Permits): Promise<string[]> {
  const etags: string[] = []
  const sending: Promise<void>[] = []
  let failure: { error: unknown } | undefined
  const sendOne = async (number: number, part: Uint8Array): Promise<void> => {
    try {
      etags[number - 1] = await send(number, part)
    } catch (error) {
      failure ??= { error }
    } finally {
      permits.give()
    }
  }
  try {
    for await (const part of parts) {
      await permits.take()
      sending.push(sendOne(sending.length + 1, part))
      if (failure) break
    }
  } finally {
    // A part that still arrives after the upload was given up would stay for ever.
    await Promise.all(sending)
  }
  if (failure) throw failure.error
  return etags
}

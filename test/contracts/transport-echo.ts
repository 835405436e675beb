import type { StreamHandler } from '../../protocol/transport.ts'

/** Sends back what comes. */
export const echo: StreamHandler = async (stream) => {
  for (let bytes = await stream.read(); bytes; bytes = await stream.read()) await stream.write(bytes)
}

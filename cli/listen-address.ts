import { UsageError } from './arguments.ts'

/** Where a server listens. */
export interface ListenAddress {
  host: string
  port: number
}

/**
 * 'HOST:PORT', 'HOST', ':PORT' (on all addresses of this machine), 'PORT' (on
 * this machine only) or '[IPV6]:PORT'. Throws UsageError naming `option`.
 */
export function parseListenAddress(text: string, option: string, defaultPort: number): ListenAddress {
  const [, bracketed, host, port] = /^(?:\[([0-9a-f:.%]+)\]|([^\s:[\]/]*))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const onlyPort = /^\d{1,5}$/.test(host ?? '') && port === undefined
  const address = {
    host: bracketed ?? (onlyPort ? '127.0.0.1' : host === '' && port !== undefined ? '::' : host ?? ''),
    port: Number(onlyPort ? host : (port ?? defaultPort)),
  }
  if (address.host !== '' && address.port <= 65_535) return address
  throw new UsageError(`'${text}' is no address for ${option}`, 'write it as 127.0.0.1:3487, 0.0.0.0:3487, :3487 or [::1]:3487')
}

/** Whether only programs on this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

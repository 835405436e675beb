import { DitsError } from '../core/errors.ts'

const schemes: Readonly<Record<string, string>> = { 'https:': 'https:', 'wss:': 'https:', 'http:': 'http:', 'ws:': 'http:' }

/**
 * What identifies the server behind a URL: 'https://HOST' or 'http://HOST',
 * with the port where it is not the scheme's own. Throws `bad-url`, also where
 * a name or password stands in it, which would get into files and logs.
 */
export function serverOrigin(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const scheme = parsed && schemes[parsed.protocol]
  if (!parsed || scheme === undefined || parsed.hostname === '') {
    throw new DitsError('bad-url', `'${withoutSecrets(url)}' is not the address of a server`, { hint: 'write it as https://host.example or https://host.example:3487' })
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new DitsError('bad-url', `the address of '${parsed.host}' holds a name or a password`, { hint: `leave it out; run: dits login ${scheme}//${parsed.host}` })
  }
  const ownPort = scheme === 'https:' ? '443' : '80'
  return `${scheme}//${parsed.hostname}${parsed.port === '' || parsed.port === ownPort ? '' : `:${parsed.port}`}`
}

function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').slice(0, 200)
}

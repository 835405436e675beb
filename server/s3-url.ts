import { DitsError } from '#core'

/** Where a store lies on S3. */
export interface S3Place {
  bucket: string
  /** The start of all keys, without a '/' at its end; '' for the whole bucket. */
  prefix: string
  /** The server's address; absent for Amazon's own. */
  endpoint?: string
  /** Absent where the environment or the configuration of the AWS SDK says it. */
  region?: string
  /** Whether the bucket stands in the path of requests rather than in the name of the host. */
  pathStyle?: boolean
}

/**
 * Reads `s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME&path-style=true|false]`.
 * Throws `bad-store-url`; also where the text holds keys, which belong into the
 * environment, because URLs are shown and logged.
 */
export function parseS3Url(text: string): S3Place {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 's3:') throw badUrl(text, 'it does not start with s3://')
  if (url.username || url.password) throw badUrl(`s3://…@${url.host}${url.pathname}`, 'it holds keys')
  if (!bucketPattern.test(url.hostname) || url.port || url.hash) throw badUrl(text, 'it names no bucket')
  const prefix = url.pathname.replace(/^\/|\/$/g, '')
  if (prefix && !prefix.split('/').every((name) => prefixNamePattern.test(name))) throw badUrl(text, 'the folder in it has a name that dits does not use')
  const { endpoint, region, pathStyle } = readParameters(text, url.searchParams)
  return {
    bucket: url.hostname,
    prefix,
    ...(endpoint === undefined ? {} : { endpoint: checkEndpoint(text, endpoint) }),
    ...(region === undefined ? {} : { region }),
    ...(pathStyle === undefined ? {} : { pathStyle }),
  }
}

/** Three to 63 letters, digits, '.', '-', and what older buckets have. */
const bucketPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{2,62}$/
const prefixNamePattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,255}$/
const form = 's3://BUCKET/FOLDER?endpoint=https://HOST&region=REGION'

function readParameters(text: string, parameters: URLSearchParams): { endpoint?: string; region?: string; pathStyle?: boolean } {
  const known = new Map<string, string>()
  for (const [name, value] of parameters) {
    if (!['endpoint', 'region', 'path-style'].includes(name)) throw badUrl(text, `'${name}' is not among endpoint, region and path-style`)
    if (known.has(name) || value === '') throw badUrl(text, `'${name}' needs one value`)
    known.set(name, value)
  }
  const [endpoint, region, style] = ['endpoint', 'region', 'path-style'].map((name) => known.get(name))
  if (style !== undefined && style !== 'true' && style !== 'false') throw badUrl(text, "'path-style' is true or false")
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(style === undefined ? {} : { pathStyle: style === 'true' }),
  }
}

function checkEndpoint(text: string, endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw badUrl(text, 'its endpoint is not an http or https address')
  if (url.username || url.password) throw badUrl('s3://…', 'its endpoint holds keys')
  return endpoint
}

function badUrl(text: string, reason: string): DitsError {
  return new DitsError('bad-store-url', `'${text}' is not the address of a store: ${reason}`, {
    hint: `write ${form}; the keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from ~/.aws`,
  })
}

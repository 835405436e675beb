import { get as getPlain } from 'node:http'
import { get as getEncrypted } from 'node:https'

/**
 * `node healthy.ts PORT` ends with 0 where the server at this port of this
 * machine says that it is well, with 1 otherwise. Encrypted or not, whichever
 * the server speaks; its certificate is its own, and nothing secret is sent.
 */
const port = Number(process.argv[2])
const waitMs = 5000

process.exitCode = (await isWell('https')) || (await isWell('http')) ? 0 : 1

function isWell(protocol: 'https' | 'http'): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { timeout: waitMs, rejectUnauthorized: false }
    const get = protocol === 'https' ? getEncrypted : getPlain
    const request = get(`${protocol}://127.0.0.1:${port}/healthz`, options, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    request.once('error', () => resolve(false))
    request.once('timeout', () => request.destroy())
  })
}

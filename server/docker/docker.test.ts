import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer as createPlain, type RequestListener, type Server } from 'node:http'
import { createServer as createEncrypted } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { validate } from 'dockerfile-utils'
import { describe, expect, it } from 'vitest'
import { itWith } from '../../test/tools.ts'
import { makeCertificate } from '../certificate.ts'

const run = promisify(execFile)
const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '../..')
const read = (name: string): string => readFileSync(join(here, name), 'utf8')

/** Nobody builds the image in these tests: what can be wrong without a network is looked for. */
describe('the Dockerfile', () => {
  const lines = read('Dockerfile').replace(/\\\n\s*/g, '').split('\n').filter((line) => line && !line.startsWith('#'))
  const valuesOf = (instruction: string): string[] => lines.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1))

  it('has nothing that its linter finds', () => {
    expect(validate('FRUM scratch\n')).not.toEqual([])
    expect(validate(read('Dockerfile'))).toEqual([])
  })

  it('serves as a user without rights, from the port that it shows and asks for its health', () => {
    const [command] = valuesOf('CMD')
    const words = JSON.parse(command!) as string[]
    const port = words.at(-1)!.split(':')[1]
    expect(words).toEqual(['serve', '--data', ...valuesOf('VOLUME'), '--listen', `0.0.0.0:${port}`])
    expect(valuesOf('EXPOSE')).toEqual([port])
    expect(valuesOf('HEALTHCHECK')[0]).toMatch(new RegExp(`CMD \\["node", "/opt/dits/server/docker/healthy.ts", "${port}"\\]$`))
    expect(valuesOf('USER')).toEqual(['node'])
    expect(lines.indexOf('USER node')).toBeGreaterThan(lines.findLastIndex((line) => line.startsWith('RUN ')))
  })

  it('starts from one image that is named to the version that dits needs', () => {
    expect(valuesOf('FROM')).toEqual(['node:24-slim AS build', 'node:24-slim'])
  })

  it('names files and scripts that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
    const text = lines.join('\n')
    for (const [, name] of text.matchAll(/npm run (\w+)/g)) expect(scripts[name!], name).toBeDefined()
    const files = [...text.matchAll(/\/opt\/dits\/([\w/.-]+)/g)].map(([, file]) => file!)
    expect(files.length).toBeGreaterThan(1)
    for (const file of files) expect(existsSync(join(root, file)), file).toBe(true)
  })

  it('gives dits serve options that it has', async () => {
    const { stdout } = await run(join(root, 'cli/bin/dits'), ['help', 'serve'], { env: { ...process.env, DITS_DEV: '1' } })
    const used = [read('Dockerfile'), read('compose.s3.yaml')].flatMap((text) => [...text.matchAll(/(?:"|- )(--[a-z-]+)/g)].map(([, option]) => option!))
    expect(new Set(used)).toEqual(new Set(['--data', '--listen', '--tls-folder']))
    for (const option of used) expect(stdout).toContain(`${option} `)
  })
})

describe('the compose files', () => {
  itWith('yamllint', 'are YAML that its linter finds nothing in', async () => {
    await run('yamllint', ['--strict', join(here, 'compose.yaml'), join(here, 'compose.s3.yaml')])
  })

  it('use the port, the volume and the files of the Dockerfile', () => {
    const [plain, bucket] = [read('compose.yaml'), read('compose.s3.yaml')]
    const port = /^EXPOSE (\d+)$/m.exec(read('Dockerfile'))?.[1]
    expect(plain).toContain(`- "${port}:${port}"`)
    expect(bucket).toContain(`- 0.0.0.0:${port}`)
    expect(plain).toContain('- data:/data\n')
    expect(existsSync(join(here, /context: (.+)/.exec(plain)![1]!, /dockerfile: (.+)/.exec(plain)![1]!))).toBe(true)
  })

  it('hold no keys', () => {
    for (const [, value] of read('compose.s3.yaml').matchAll(/^ +AWS_\w*KEY\w*: (.*)$/gm)) expect(value).toMatch(/^\$\{AWS_\w+:\?.+\}$/)
  })
})

describe('the health check', () => {
  const well: RequestListener = (request, response) => void response.writeHead(request.url === '/healthz' ? 200 : 404).end()
  const sick: RequestListener = (_, response) => void response.writeHead(503).end()

  it('is content with a server that is well, encrypted or not', async () => {
    expect(await healthOf(createPlain(well))).toBe(0)
    const { certificate, privateKey } = await makeCertificate({ hosts: ['localhost'], notBeforeMs: Date.now(), days: 1 })
    expect(await healthOf(createEncrypted({ cert: certificate, key: privateKey }, well))).toBe(0)
  })

  it('is not content with one that is not, or is not there', async () => {
    expect(await healthOf(createPlain(sick))).toBe(1)
    expect(await healthCode(1)).toBe(1)
  })

  async function healthOf(server: Server): Promise<number> {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const code = await healthCode((server.address() as AddressInfo).port)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    return code
  }

  async function healthCode(port: number): Promise<number> {
    const program = execFile(process.execPath, ['--disable-warning=ExperimentalWarning', join(here, 'healthy.ts'), String(port)])
    return new Promise((resolve) => program.once('exit', (code) => resolve(code ?? -1)))
  }
})

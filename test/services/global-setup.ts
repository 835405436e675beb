import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startCeph, type Ceph } from './ceph.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where a test asks for a service. */
    servicesUrl: string
  }
}

/**
 * Services that take long to start are started once for a whole run of tests,
 * by the process that outlives all test files, when the first test asks for
 * them; and are stopped when the run is over.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let ceph: Promise<Ceph> | undefined
  const folder = await mkdtemp(join(tmpdir(), 'dits-services-'))
  const server = createServer((request, response) => {
    if (request.url !== '/ceph') return void response.writeHead(404).end()
    void answer(response, (ceph ??= startCeph(join(folder, 'ceph'))))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  project.provide('servicesUrl', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return async () => {
    await ceph?.then(({ stop }) => stop(), () => undefined)
    await new Promise((resolve) => server.close(resolve))
    await rm(folder, { recursive: true, force: true })
  }
}

/** The service as JSON, or why there is none. */
async function answer(response: ServerResponse, service: Promise<Ceph>): Promise<void> {
  try {
    const { stop: _, ...rest } = await service
    response.end(JSON.stringify(rest))
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}

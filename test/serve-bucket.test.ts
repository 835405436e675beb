import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createRandom } from '../fixtures/random.ts'
import { RemoteSession } from '../protocol/remote-session.ts'
import { connectWebSocket } from '../protocol/websocket.ts'
import { runDits, startServe, type ServeProcess } from './serve-process.ts'
import { newBucket } from './services/s3-fixture.ts'
import { describeWithCeph } from './services/use-ceph.ts'

describeWithCeph('two servers on one bucket', () => {
  let bucket: Awaited<ReturnType<typeof newBucket>>
  let folder: string
  let running: ServeProcess[]
  beforeAll(async () => {
    bucket = await newBucket()
  })
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dits-bucket-'))
    running = []
  })
  afterEach(async () => {
    for (const { signal } of running) signal('SIGKILL')
    await Promise.all(running.map(({ ended }) => ended))
    rmSync(folder, { recursive: true, force: true })
  })

  const variables = () => ({ AWS_ACCESS_KEY_ID: bucket.accessKeyId, AWS_SECRET_ACCESS_KEY: bucket.secretAccessKey, AWS_REGION: 'us-east-1' })
  const data = (name: string) => `s3://${bucket.bucket}/${name}?endpoint=${bucket.endpoint}&path-style=true`
  const run = (...args: string[]) => runDits(args, { home: folder, variables: { ...variables(), DITS_TOKEN: token } })
  let token = ''

  async function serve(name: string): Promise<ServeProcess> {
    const server = await startServe(['--data', data(name), '--tls-folder', join(folder, 'tls')], variables())
    running.push(server)
    return server
  }

  it('make one administrator between them, and serve the same repository', async () => {
    const servers = (await Promise.all([serve('one'), serve('one')])) as [ServeProcess, ServeProcess]
    const made = servers.filter((server) => server.token !== null)
    expect(made).toHaveLength(1)
    token = made[0]!.token!
    expect(servers[0].fingerprint).toBe(servers[1].fingerprint)
    const [here, there] = servers.map(({ url }) => `${url}/studio/film`) as [string, string]

    await run('init', 'film')
    await run('-C', 'film', 'commit', '--allow-empty', '-m', 'first')
    await run('-C', 'film', 'remote', 'add', 'origin', here)
    expect(await run('-C', 'film', 'push', 'origin', 'main')).toMatchObject({ exitCode: 0 })
    expect(await run('clone', there, 'copy')).toMatchObject({ exitCode: 0 })

    // Both push something else to the same branch at the same time, each through another server.
    for (const name of ['film', 'copy']) await run('-C', name, 'commit', '--allow-empty', '-m', `by ${name}`)
    const pushes = await Promise.all(['film', 'copy'].map((name) => run('-C', name, 'push', 'origin', 'main')))
    expect(pushes.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1)
    const winner = pushes[0]!.exitCode === 0 ? 'film' : 'copy'
    for (const [index, url] of [here, there].entries()) {
      expect(await run('clone', url, `clone${index}`)).toMatchObject({ exitCode: 0 })
      expect((await run('-C', `clone${index}`, 'log', '--oneline')).stdout).toMatch(new RegExp(`by ${winner}\\n.*first\\n$`))
    }
    // One of them dies; nothing that it held is in the way of the other.
    servers[0].signal('SIGKILL')
    await servers[0].ended
    await run('-C', 'clone1', 'commit', '--allow-empty', '-m', 'later')
    expect(await run('-C', 'clone1', 'push', 'origin', 'main')).toMatchObject({ exitCode: 0 })
  })

  it('lose nothing where garbage is collected while people push what is garbage', async () => {
    const servers = [await serve('three'), await serve('three')]
    token = servers.find((server) => server.token !== null)!.token!
    // What clones start on cannot be deleted.
    await run('init', 'start')
    await run('-C', 'start', 'commit', '--allow-empty', '-m', 'start')
    await run('-C', 'start', 'remote', 'add', 'origin', `${servers[0]!.url}/studio/film`)
    expect(await run('-C', 'start', 'push', 'origin', 'main')).toMatchObject({ exitCode: 0 })
    const people = ['ada', 'bob']
    for (const [i, name] of people.entries()) {
      await run('init', name)
      writeFileSync(join(folder, name, 'reel.bin'), createRandom(i + 1).bytes(300_000))
      await run('-C', name, 'add', '.')
      await run('-C', name, 'commit', '-m', name)
      await run('-C', name, 'remote', 'add', 'origin', `${servers[i]!.url}/studio/film`)
      expect(await run('-C', name, 'push', 'origin', `main:${name}`)).toMatchObject({ exitCode: 0 })
    }
    for (let round = 0; round < 2; round++) {
      for (const name of people) expect(await run('-C', name, 'push', 'origin', '--delete', name)).toMatchObject({ exitCode: 0 })
      const gc = run('server', 'gc', '--grace', '0', '--json', '--data', data('three'))
      const pushes = people.map((name) => run('-C', name, 'push', 'origin', `main:${name}`))
      for (const { exitCode, stderr } of await Promise.all(pushes)) expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
      expect([0, 5]).toContain((await gc).exitCode)
    }
    for (const [i, name] of people.entries()) {
      expect(await run('clone', '--branch', name, `${servers[i]!.url}/studio/film`, `clone-${name}`)).toMatchObject({ exitCode: 0 })
      expect(await run('-C', `clone-${name}`, 'fsck', '--full')).toMatchObject({ exitCode: 0 })
    }
    for (const name of people) await run('-C', name, 'push', 'origin', '--delete', name)
    const { stdout } = await run('server', 'gc', '--grace', '0', '--json', '--data', data('three'))
    expect(JSON.parse(stdout)).toMatchObject({ name: 'studio/film', packsAfter: 1 })
    expect((JSON.parse(stdout) as { bytesAfter: number }).bytesAfter).toBeLessThan(10_000)
  })

  it('both refuse a token within seconds after it was revoked', async () => {
    const first = await serve('two')
    const second = await serve('two')
    const { stdout } = await run('server', 'token', 'create', 'admin', '--json', '--data', data('two'))
    const { id, token: secret } = JSON.parse(stdout) as { id: string; token: string }
    const open = async ({ url, fingerprint }: ServeProcess) => {
      const connection = await connectWebSocket(`${url}/dits`, { tls: { onCertificate: (shown) => shown === fingerprint } })
      try {
        await RemoteSession.open(connection, { repository: 'film', token: secret, agent: 'test', now: Date.now })
      } finally {
        await connection.close()
      }
    }
    await Promise.all([open(first), open(second)])
    await run('server', 'token', 'revoke', id, '--data', data('two'))
    for (const server of [first, second]) {
      const isRefused = () => open(server).then(() => false, (error: { code?: string }) => error.code === 'access-denied')
      while (!(await isRefused()));
    }
  })
})

import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestTool } from '../tool-list.ts'

/** What Ceph's S3 server is started with. */
export const cephTools = ['ceph-mon', 'ceph-osd', 'radosgw', 'ceph', 'setpriv'] as const satisfies readonly TestTool[]

/** An S3 server that answers. */
export interface CephAnswer {
  endpoint: string
  accessKeyId: string
  secretAccessKey: string
}

export interface Ceph extends CephAnswer {
  /** Ends the processes and removes what they kept. */
  stop(): Promise<void>
}

/**
 * Starts a cluster of one monitor and one disk, and the S3 server on top, on
 * free ports of the loopback address, with its logs below `folder`, which is
 * made and later removed, and what is stored in memory. Resolves when S3 answers, after about two seconds.
 * The processes end with this one, however that ends.
 */
export async function startCeph(folder: string): Promise<Ceph> {
  const cluster = new Cluster(folder)
  try {
    return { ...(await cluster.start()), stop: () => cluster.stop() }
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

const run = promisify(execFile)
const answerMs = 60_000
const lookEveryMs = 50

class Cluster {
  readonly #folder: string
  readonly #daemons: ChildProcess[] = []

  constructor(folder: string) {
    this.#folder = folder
  }

  async start(): Promise<CephAnswer> {
    const [monitorPort, s3Port] = await freePorts()
    const monitor = `[v2:127.0.0.1:${monitorPort}/0]`
    const [cluster, disk] = [randomUUID(), randomUUID()]
    for (const part of ['', 'mon', 'osd', 'rgw']) await mkdir(join(this.#folder, part), { recursive: true })
    await writeFile(join(this.#folder, 'ceph.conf'), configuration(this.#folder, cluster, monitor))
    await run('monmaptool', ['--create', '--fsid', cluster, '--addv', 'a', monitor, join(this.#folder, 'monmap')])
    await this.#run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', join(this.#folder, 'monmap'))
    this.#begin('ceph-mon', '-i', 'a')
    await this.#run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', disk, '--no-mon-config')
    await this.#run('ceph', 'osd', 'new', disk)
    this.#begin('ceph-osd', '-i', '0')
    const keys = { accessKeyId: randomBytes(8).toString('hex'), secretAccessKey: randomBytes(16).toString('hex') }
    await this.#run('radosgw-admin', 'user', 'create', '--uid=dits', '--display-name=dits', `--access-key=${keys.accessKeyId}`, `--secret-key=${keys.secretAccessKey}`)
    this.#begin('radosgw', '-n', 'client.admin', `--rgw-frontends=beast endpoint=127.0.0.1:${s3Port} tcp_nodelay=1`)
    const endpoint = `http://127.0.0.1:${s3Port}`
    await this.#answers(endpoint)
    return { endpoint, ...keys }
  }

  async stop(): Promise<void> {
    for (const daemon of this.#daemons.reverse()) {
      if (daemon.exitCode !== null || daemon.signalCode !== null) continue
      const ended = new Promise((resolve) => daemon.once('exit', resolve))
      // Nothing of it is to be kept, so nothing has to be put in order.
      daemon.kill('SIGKILL')
      await ended
    }
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Runs a command of Ceph to its end; one that hangs is a failure. */
  async #run(command: string, ...parameters: string[]): Promise<void> {
    await run(command, ['-c', join(this.#folder, 'ceph.conf'), ...parameters], { timeout: answerMs, killSignal: 'SIGKILL' })
  }

  #begin(command: string, ...parameters: string[]): void {
    const whole = ['--pdeathsig', 'KILL', command, '-c', join(this.#folder, 'ceph.conf'), '-f', ...parameters]
    this.#daemons.push(spawn('setpriv', whole, { stdio: 'ignore', cwd: this.#folder }))
  }

  async #answers(endpoint: string): Promise<void> {
    for (const startMs = Date.now(); ; ) {
      const dead = this.#daemons.find((daemon) => daemon.exitCode !== null)
      if (dead) throw new Error(`${dead.spawnargs.join(' ')} ended with ${dead.exitCode}`)
      if ((await fetch(endpoint).catch(() => undefined))?.ok) return
      if (Date.now() - startMs > answerMs) throw new Error(`no answer from ${endpoint}; look at the logs in ${this.#folder}`)
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
    }
  }
}

/** No keys between the processes, one copy of everything, in memory, and a map of the cluster that changes without waiting. */
function configuration(folder: string, cluster: string, monitor: string): string {
  return `[global]
fsid = ${cluster}
mon_host = ${monitor}
public_addr = 127.0.0.1
ms_bind_msgr1 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
osd_objectstore = memstore
memstore_device_bytes = 8589934592
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_data_avail_crit = 1
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
run_dir = ${folder}
admin_socket =
log_file = ${folder}/$name.log
mon_cluster_log_file = ${folder}/cluster.log
mon_data = ${folder}/mon
osd_data = ${folder}/osd
rgw_data = ${folder}/rgw
`
}

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const
  const ports = await Promise.all(servers.map((server) => new Promise<number>((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)))))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports as [number, number]
}

import { execFileSync, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { byteStoreContract, keys, type OpenedStore } from '../../test/contracts/byte-store.ts'
import { smallValueBytesMax } from '../limits.ts'
import { DiskStore, type DiskStoreOptions } from './disk-store.ts'

byteStoreContract('DiskStore', () => openTemporary())
byteStoreContract('DiskStore without hard links', () => openTemporary({ hardLinks: false }))

describe('DiskStore', () => {
  let folder: string
  let store: DiskStore
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dits-store-'))
    store = await DiskStore.open(`${folder}/new/.dits`)
  })
  afterEach(async () => {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })
  const inStore = (path: string): string => `${folder}/new/.dits/${path}`

  it('creates nothing before the first put', async () => {
    expect(await store.get('a')).toBeUndefined()
    expect(await keys(store, 'a/')).toEqual([])
    await store.delete('a')
    expect(await store.sweepTemporary(0)).toBe(0)
    expect(await readdir(folder)).toEqual([])
  })

  it('keeps each value in the file that its key names', async () => {
    await store.put('packs/x.pack', Buffer.from('bytes'))
    expect(await readFile(inStore('packs/x.pack'), 'utf8')).toBe('bytes')
  })

  it('works in a folder whose name is not ASCII', async () => {
    const named = await DiskStore.open(`${folder}/żółw`)
    await named.put('a/b', Buffer.from('1'))
    expect(await named.put('a/b', Buffer.from('2'))).toBe(true)
    expect(await keys(named, '')).toEqual(['a/b'])
    expect(await readFile(join(folder, 'żółw', 'a', 'b'), 'utf8')).toBe('2')
    await named.close()
  })

  it('refuses a path that is no folder', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(DiskStore.open(join(folder, 'file'))).rejects.toMatchObject({ code: 'store-io' })
  })

  it('leaves nothing in tmp after success, refusal, or a body that threw', async () => {
    await store.put('a', Buffer.from('1'))
    await store.put('a', Buffer.from('2'), { if: 'absent' })
    await store.put('b', Buffer.from('3'), { if: 'absent' })
    await Promise.all(Array.from({ length: 9 }, () => store.put('c', Buffer.from('4'), { if: 'absent' })))
    const broken = (async function* () {
      yield Buffer.alloc(20_000_000)
      throw new Error('broken')
    })()
    await expect(store.put('d', broken)).rejects.toThrow('broken')
    expect(await readdir(inStore('tmp'))).toEqual([])
  })

  it('sweeps what was left in tmp more than a day ago', async () => {
    await store.put('a', Buffer.from('1'))
    const nowMs = 1_700_000_000_000
    await writeFile(inStore('tmp/old'), 'rubbish')
    await utimes(inStore('tmp/old'), nowMs / 1000 - 86_401, nowMs / 1000 - 86_401)
    await writeFile(inStore('tmp/young'), 'being written')
    await utimes(inStore('tmp/young'), nowMs / 1000 - 86_399, nowMs / 1000 - 86_399)
    expect(await store.sweepTemporary(nowMs)).toBe(1)
    expect(await readdir(inStore('tmp'))).toEqual(['young'])
  })

  it('passes over files whose names cannot be keys', async () => {
    await store.put('refs/a', Buffer.from('1'))
    await writeFile(inStore('refs/with space'), '')
    await writeFile(inStore('refs/other.lock'), '')
    expect(await keys(store, 'refs/')).toEqual(['refs/a'])
  })

  it('refuses a value where a folder with values is, and a folder where a value is', async () => {
    await store.put('a/b', Buffer.from('1'))
    for (const condition of [undefined, { if: 'absent' } as const]) {
      await expect(store.put('a', Buffer.from('2'), condition)).rejects.toMatchObject({ code: 'key-conflict' })
      await expect(store.put('a/b/c', Buffer.from('2'), condition)).rejects.toMatchObject({ code: 'key-conflict' })
      await expect(store.put('a/b/c/d', Buffer.from('2'), condition)).rejects.toMatchObject({ code: 'key-conflict' })
    }
    expect(await keys(store, '')).toEqual(['a/b'])
  })

  it('takes a pipe for damage, and does not wait for it', async () => {
    await store.put('a', Buffer.from('1'))
    execFileSync('mkfifo', [inStore('pipe')])
    for (const range of [undefined, { offset: 0, length: 1 }]) await expect(store.get('pipe', range)).rejects.toMatchObject({ code: 'store-damaged' })
    expect(await keys(store, ''), 'so that who lists keys meets the damage').toEqual(['a', 'pipe'])
  })

  it('lists what links lead to, as it reads it', async () => {
    await store.put('packs/a', Buffer.from('1'))
    await rename(inStore('packs'), inStore('elsewhere'))
    await symlink('elsewhere', inStore('packs'))
    await symlink('a', inStore('elsewhere/b'))
    expect(await keys(store, 'packs/')).toEqual(['packs/a', 'packs/b'])
    for (const key of ['packs/a', 'packs/b']) expect(Buffer.from((await store.get(key))!.bytes).toString()).toBe('1')
    await symlink('nowhere', inStore('packs/c'))
    expect(await store.get('packs/c')).toBeUndefined()
    await symlink('.', inStore('packs/loop'))
    await expect(keys(store, 'packs/')).rejects.toMatchObject({ code: 'store-io' })
  })

  it('refuses to read a huge value whole, but reads it by range', async () => {
    const piece = Buffer.alloc(1 << 20)
    const huge = (async function* () {
      for (let bytes = 0; bytes <= smallValueBytesMax; bytes += piece.length) yield piece
    })()
    await store.put('huge', huge)
    await expect(store.get('huge')).rejects.toMatchObject({ code: 'value-too-large' })
    const end = await store.get('huge', { offset: smallValueBytesMax, length: 2 << 20 })
    expect(end?.bytes.length).toBe(piece.length)
  })

  it('reads more values by range than it keeps open, and after they were closed', async () => {
    const names = Array.from({ length: 150 }, (_, i) => `p/${i}`)
    await Promise.all(names.map((key) => store.put(key, Buffer.from(key), { if: 'absent' })))
    for (let round = 0; round < 2; round++) {
      for (const key of names) {
        const got = await store.get(key, { offset: 0, length: 9 })
        expect(Buffer.from(got!.bytes).toString()).toBe(key)
      }
    }
    expect(await openFilesBelow(folder)).toBeLessThanOrEqual(64)
    await store.close()
    await expect.poll(() => openFilesBelow(folder)).toBe(0)
  })

  it('does not keep the disk full with values that another process deleted', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `p/${i}`)
    for (const key of [...names, 'q/1', 'q/2', 'q/3', 'q/4', 'q/5']) await store.put(key, Buffer.from(key))
    for (const key of names) await store.get(key, { offset: 0, length: 1 })
    expect(await openFilesBelow(folder)).toBe(20)
    const other = await DiskStore.open(`${folder}/new/.dits`)
    for (const key of names) await other.delete(key)
    for (const key of ['q/1', 'q/2', 'q/3', 'q/4', 'q/5']) await store.get(key, { offset: 0, length: 1 })
    await expect.poll(() => openFilesBelow(folder)).toBe(5)
    await other.close()
  })

  it('names the key and the remedy where the system refuses', async () => {
    await store.put('a/b', Buffer.from('1'))
    const long = `${'n/'.repeat(2100)}end`
    await expect(store.put(long, Buffer.from('1'))).rejects.toMatchObject({
      code: 'store-io',
      message: expect.stringContaining('ENAMETOOLONG'),
      hint: expect.stringContaining('shorter name'),
      cause: expect.objectContaining({ code: 'ENAMETOOLONG' }),
    })
  })

  it.skipIf(process.getuid?.() === 0)('says what to do where it may not write', async () => {
    await store.put('a/b', Buffer.from('1'))
    await chmod(inStore('a'), 0o500)
    await expect(store.put('a/c', Buffer.from('1'))).rejects.toMatchObject({ code: 'store-io', hint: expect.stringContaining('permissions') })
  })

  it('says that the disk is full, keeps the old value, and leaves nothing', async (context) => {
    const small = await mountSmallDisk(folder)
    if (!small) return context.skip('cannot mount a small file system here')
    try {
      const full = await DiskStore.open(small)
      await full.put('k', Buffer.from('old'))
      await expect(full.put('k', Buffer.alloc(4 << 20, 1))).rejects.toMatchObject({ code: 'store-io', hint: expect.stringContaining('free some space') })
      expect(Buffer.from((await full.get('k'))!.bytes).toString()).toBe('old')
      expect(await readdir(join(small, 'tmp'))).toEqual([])
      await full.close()
    } finally {
      await run('umount', [small])
    }
  })

  it('loses no update of several processes', async () => {
    await store.put('count', Buffer.from('0'))
    const disk = new URL('./disk-store.ts', import.meta.url)
    const code = `
      const { DiskStore } = await import(${JSON.stringify(disk.href)})
      const store = await DiskStore.open(${JSON.stringify(inStore('').slice(0, -1))})
      for (let i = 0; i < 20; ) {
        const { bytes, version } = await store.get('count')
        if (await store.put('count', Buffer.from(String(Number(bytes) + 1)), { if: { version } })) i++
      }`
    await Promise.all(Array.from({ length: 4 }, () => run(process.execPath, ['--input-type=module', '-e', code])))
    expect(Buffer.from((await store.get('count'))!.bytes).toString()).toBe('80')
  })

  it('keeps the old value or the new one, never a part, where the writer is killed', async () => {
    await store.put('k', Buffer.alloc(3_000_000, 1))
    const disk = new URL('./disk-store.ts', import.meta.url)
    const code = `
      const { DiskStore } = await import(${JSON.stringify(disk.href)})
      const store = await DiskStore.open(${JSON.stringify(inStore('').slice(0, -1))})
      for (let i = 2; ; i = i % 250 + 1) {
        await store.put('k', Buffer.alloc(3_000_000, i))
        process.stdout.write('.')
      }`
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
      const ended = new Promise((resolve) => child.once('exit', resolve))
      await new Promise((resolve) => child.stdout.once('data', resolve))
      child.kill('SIGKILL')
      await ended
      const value = (await store.get('k'))!.bytes
      expect(value.length).toBe(3_000_000)
      expect(Buffer.compare(value, Buffer.alloc(3_000_000, value[0]))).toBe(0)
      expect(await keys(store, '')).toEqual(['k'])
    }
    expect(await store.put('k', Buffer.from('after'))).toBe(true)
  })
})

async function openTemporary(options?: DiskStoreOptions): Promise<OpenedStore> {
  const folder = await mkdtemp(join(tmpdir(), 'dits-store-'))
  const stores: DiskStore[] = []
  const open = async (): Promise<DiskStore> => {
    const store = await DiskStore.open(`${folder}/.dits`, options)
    stores.push(store)
    return store
  }
  return {
    store: await open(),
    reopen: open,
    close: async () => {
      await Promise.all(stores.map((store) => store.close()))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** How many files below `folder` this process has open. */
async function openFilesBelow(folder: string): Promise<number> {
  const { readlink } = await import('node:fs/promises')
  const links = await Promise.all((await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return links.filter((target) => target.startsWith(folder)).length
}

/** A file system of 1 MiB below `folder`, where this machine lets us mount one. */
async function mountSmallDisk(folder: string): Promise<string | undefined> {
  const small = join(folder, 'small')
  await mkdir(small)
  await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small]).catch(() => undefined)
  return (await stat(small)).dev === (await stat(folder)).dev ? undefined : small
}

function run(command: string, args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}`))))
  })
}

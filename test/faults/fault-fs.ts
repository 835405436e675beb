import fs from 'node:fs'
import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import { FaultControl, faultKinds, type FaultKind } from './fault-control.ts'

/**
 * Patches node:fs so that a chosen writing call goes wrong. To be loaded before
 * anything else, by `node --import`; threads load it again by themselves. A
 * plan comes from the FaultControl of this process or, for a process that is
 * to be killed, from the environment: `DITS_FAULT='kill 12 /folder'`.
 */

type Call = (...args: unknown[]) => unknown
type Calls = Record<string, Call>
/** What a call is about, and the same call with half of its bytes, where it has some. */
type Shape = { path: (self: unknown, args: unknown[]) => string | undefined; half?: (original: Call, self: unknown, args: unknown[]) => unknown }

const control = FaultControl.shared()
const paths = new Map<number, string>()
const forever = new Int32Array(new SharedArrayBuffer(4))
const errnos: Readonly<Record<string, number>> = { ENOSPC: -28, EIO: -5 }

/** Stands for the end of the process. */
class ProcessEnded extends Error {
  readonly code = 'EENDED'
  constructor() {
    super('EENDED: the process has ended')
  }
}

const onPath = (at: number): Shape => ({ path: (_, args) => textOf(args[at]) })
const onDescriptor: Shape = { path: (_, args) => paths.get(Number(args[0])) }
const onHandle: Shape = { path: (self) => paths.get((self as promises.FileHandle).fd) }
const { writeSync } = fs
const halfFile = (original: Call, self: unknown, args: unknown[]) => original.call(self, args[0], halfOf(args[1]), ...args.slice(2))

const syncShapes: Record<string, Shape> = {
  writeSync: { ...onDescriptor, half: (original, self, [fd, ...rest]) => original.call(self, fd, ...halfWrite(rest)) },
  writevSync: { ...onDescriptor, half: (_, __, [fd, list, position]) => writeHalf(Number(fd), list, position) },
  writeFileSync: { path: (_, args) => textOf(args[0]) ?? paths.get(Number(args[0])), half: halfFile },
  appendFileSync: { ...onPath(0), half: halfFile },
  copyFileSync: onPath(1),
  renameSync: onPath(1),
  linkSync: onPath(1),
  symlinkSync: onPath(1),
  ...shapesOf(['unlinkSync', 'mkdirSync', 'mkdtempSync', 'rmdirSync', 'rmSync', 'chmodSync', 'utimesSync', 'lutimesSync', 'truncateSync'], onPath(0)),
  ...shapesOf(['ftruncateSync', 'fsyncSync', 'fdatasyncSync', 'fchmodSync', 'futimesSync'], onDescriptor),
}

const promiseShapes: Record<string, Shape> = {
  writeFile: { ...onPath(0), half: halfFile },
  copyFile: onPath(1),
  rename: onPath(1),
  link: onPath(1),
  symlink: onPath(1),
  ...shapesOf(['unlink', 'mkdir', 'mkdtemp', 'rmdir', 'rm', 'chmod', 'utimes', 'lutimes', 'truncate'], onPath(0)),
}

const handleShapes: Record<string, Shape> = {
  write: { ...onHandle, half: (original, self, args) => original.call(self, ...halfWrite(args)) },
  writev: { ...onHandle, half: (_, self, [list, position]) => ({ bytesWritten: writeHalf((self as promises.FileHandle).fd, list, position) }) },
  writeFile: { ...onHandle, half: (original, self, [content]) => original.call(self, halfOf(content)) },
  ...shapesOf(['sync', 'datasync', 'truncate', 'chmod', 'utimes'], onHandle),
}

for (const [name, shape] of Object.entries(syncShapes)) patchSync(fs as unknown as Calls, name, shape)
for (const [name, shape] of Object.entries(promiseShapes)) patchAsync(promises as unknown as Calls, name, shape)
await patchHandles()
patchOpening()
syncBuiltinESMExports()
if (isMainThread && process.env['DITS_FAULT']) armFromText(process.env['DITS_FAULT'])

function patchSync(target: Calls, name: string, shape: Shape): void {
  const original = target[name]!
  target[name] = function (this: unknown, ...args) {
    const path = shape.path(this, args)
    const kind = path === undefined || !control.covers(path) ? undefined : control.count(name, path)
    if (kind === undefined) return original.apply(this, args)
    if (kind === 'tear' || kind === 'short') {
      const written = shape.half ? shape.half(original, this, args) : original.apply(this, args)
      if (kind === 'short') return written
    }
    throw faultOf(kind, name, path!)
  }
}

function patchAsync(target: Calls, name: string, shape: Shape): void {
  const original = target[name]!
  target[name] = function (this: unknown, ...args) {
    const path = shape.path(this, args)
    const kind = path === undefined || !control.covers(path) ? undefined : control.count(name, path)
    const call = async (): Promise<unknown> => {
      if (kind === undefined) return original.apply(this, args)
      if (kind === 'tear' || kind === 'short') {
        const written = await (shape.half ? shape.half(original, this, args) : original.apply(this, args))
        if (kind === 'short') return written
      }
      throw faultOf(kind, name, path!)
    }
    return path === undefined || !control.covers(path) ? call() : control.during(call)
  }
}

/** Opening counts where it may create; every opened file's path is remembered for the calls on its descriptor. */
function patchOpening(): void {
  const { openSync } = fs
  const { open } = promises
  const createSync: Calls = { open: (...args) => openSync(...(args as Parameters<typeof openSync>)) }
  const create: Calls = { open: (...args) => open(...(args as Parameters<typeof open>)) }
  patchSync(createSync, 'open', onPath(0))
  patchAsync(create, 'open', onPath(0))
  fs.openSync = (...args) => {
    const fd = (mayCreate(args[1]) ? createSync['open']!(...args) : openSync(...args)) as number
    paths.set(fd, textOf(args[0]) ?? '')
    return fd
  }
  promises.open = async (...args) => {
    const handle = (await (mayCreate(args[1]) ? create['open']!(...args) : open(...args))) as promises.FileHandle
    paths.set(handle.fd, textOf(args[0]) ?? '')
    return handle
  }
}

/** The class of file handles has no name in the module, only its objects. */
async function patchHandles(): Promise<void> {
  const handle = await promises.open(new URL(import.meta.url), 'r')
  const prototype = Object.getPrototypeOf(handle) as Calls
  for (const [name, shape] of Object.entries(handleShapes)) patchAsync(prototype, name, shape)
  await handle.close()
}

function shapesOf(names: readonly string[], shape: Shape): Record<string, Shape> {
  return Object.fromEntries(names.map((name) => [name, shape]))
}

function mayCreate(flags: unknown): boolean {
  if (typeof flags === 'number') return (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR | fs.constants.O_CREAT)) !== 0
  return typeof flags === 'string' && /[wa+]/.test(flags)
}

function textOf(path: unknown): string | undefined {
  if (typeof path === 'string') return Buffer.from(path).toString('latin1')
  return Buffer.isBuffer(path) ? path.toString('latin1') : undefined
}

function halfOf(content: unknown): Uint8Array {
  const bytes = typeof content === 'string' ? Buffer.from(content) : (content as Uint8Array)
  return bytes.subarray(0, Math.ceil(bytes.length / 2))
}

/** Writes the first half of a list of buffers; answers how much that is. */
function writeHalf(fd: number, list: unknown, position: unknown): number {
  const half = halfOf(Buffer.concat(list as Uint8Array[]))
  return writeSync(fd, half, 0, half.length, (position as number | undefined) ?? null)
}

/** The arguments of a write, after the descriptor, for the first half of its bytes. */
function halfWrite([bytes, second, third, fourth]: unknown[]): unknown[] {
  const named = typeof second === 'object' && second !== null ? (second as { offset?: number; length?: number; position?: number }) : undefined
  const offset = named?.offset ?? (typeof second === 'number' ? second : 0)
  const length = named?.length ?? (typeof third === 'number' ? third : (bytes as Uint8Array).length - offset)
  return [bytes, offset, Math.ceil(length / 2), named?.position ?? fourth ?? null]
}

/** What the call throws. Where the process is to be killed, it does not come back. */
function faultOf(kind: FaultKind, name: string, path: string): Error {
  if (kind === 'kill') end()
  const code = kind === 'ENOSPC' || kind === 'EIO' ? kind : undefined
  if (!code) return new ProcessEnded()
  const syscall = name.replace('Sync', '')
  return Object.assign(new Error(`${code}: a fault for a test, ${syscall} '${path}'`), { code, errno: errnos[code], syscall, path })
}

function end(): never {
  process.kill(process.pid, 'SIGKILL')
  // The signal may take a moment; nothing more is done until it comes.
  for (;;) Atomics.wait(forever, 0, 0)
}

function armFromText(text: string): void {
  const [kind = '', at = '', ...folder] = text.split(' ')
  const known = faultKinds.find((one) => one === kind)
  if (!known) throw new Error(`no fault is called '${kind}'`)
  control.arm({ kind: known, at: Number(at), folder: folder.join(' ') })
}

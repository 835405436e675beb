import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { formatSize } from '../format.ts'
import { DemoFailure } from './failure.ts'
import type { Stage } from './stage.ts'
import { measureDisk, measureStore, readWorkingTree } from './version.ts'

/** Serves the project, clones it without content, and brings a change there and back. The server ends with it. */
export async function share(stage: Stage): Promise<void> {
  const server = await stage.serve('../server')
  try {
    stage.ditsWith({ input: server.token }, 'login', server.url, '--fingerprint', server.fingerprint, '--token', '-')
    stage.dits('remote', 'add', 'origin', `${server.url}/studio/film`)
    stage.dits('push')
    cloneWithGhosts(stage, `${server.url}/studio/film`)
    const name = hydrateOne(stage)
    changeThere(stage, name)
    stage.dits('pull')
    requireSameFile(stage, name)
    stage.say(`  ${stage.colors.green('same')}: '${name}' is here what it became in the clone (BLAKE3)`)
  } finally {
    await server.stop()
  }
}

const clone = '../clone'

function cloneWithGhosts(stage: Stage, url: string): void {
  stage.dits('clone', '--filter=none', url, clone)
  stage.say(`  every file shows its name, size and time; on disk the clone takes ${formatSize(measureDisk(cloneFolder(stage)))} instead of ${formatSize(measureDisk(stage.folder))}`)
}

/** Brings the content of the largest file, and answers its name. */
function hydrateOne(stage: Stage): string {
  const [name] = largestFile(stage)
  const before = measureStore(cloneFolder(stage))
  stage.dits('-C', clone, 'hydrate', name)
  requireSameFile(stage, name)
  stage.say(`  ${formatSize(measureStore(cloneFolder(stage)) - before)} came; ${stage.colors.green('same')} as in the project (BLAKE3)`)
  return name
}

/** Puts a kilobyte into the middle of the file in the clone, and pushes that. */
function changeThere(stage: Stage, name: string): void {
  const file = path.join(cloneFolder(stage), name)
  const bytes = readFileSync(file)
  const middle = Math.floor(bytes.length / 2)
  writeFileSync(file, bytes.subarray(0, middle))
  appendFileSync(file, Buffer.alloc(1000, 'a new title'))
  appendFileSync(file, bytes.subarray(middle))
  stage.say(stage.colors.dim(`  - a kilobyte put into the middle of '${name}', which has ${formatSize(bytes.length)}`))
  stage.dits('-C', clone, 'commit', '-am', 'a title')
  stage.dits('-C', clone, 'push')
}

function largestFile(stage: Stage): [name: string, size: number] {
  const files = [...readWorkingTree(stage.folder).sizes].sort(([, a], [, b]) => b - a)
  if (!files[0]) throw new DemoFailure(`'${stage.folder}' has no files`)
  return files[0]
}

function requireSameFile(stage: Stage, name: string): void {
  const [here, there] = [stage.folder, cloneFolder(stage)].map((folder) => readFileSync(path.join(folder, name)))
  if (!here!.equals(there!)) throw new DemoFailure(`'${name}' in the clone is not what it is in the project`)
}

function cloneFolder(stage: Stage): string {
  return path.join(stage.folder, clone)
}

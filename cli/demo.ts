import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, mkdtempSync, realpathSync, statfsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { createColors, wantsColor } from './colors.ts'
import { chapters } from './demo/chapters.ts'
import { DemoFailure } from './demo/failure.ts'
import { createStage, type Stage } from './demo/stage.ts'
import { formatDuration, formatSize } from './format.ts'

/**
 * `npm run demo`: dits at work on a film project, through the launcher as a
 * user runs it. Ends with 0 where everything matched, 1 where something did
 * not, 2 where the demo cannot run.
 */

const usage = 'usage: npm run demo [-- [--scale 1] [--no-ffmpeg]]'
const launcher = path.join(import.meta.dirname, 'bin/dits')
/** What a project of scale 1 needs: three versions on disk at most, a store of little more than one and the server's, and room to edit. */
const spaceNeeded = 1_100e6

const { scale, withFfmpeg } = readArguments()
const colors = createColors(wantsColor({ variables: process.env, isTerminal: process.stdout.isTTY === true, wanted: undefined }))
// Whoever reads along may stop, as `head` does.
process.stdout.on('error', () => process.exit(1))
// What runs for the demo ends with it.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
process.exitCode = await runDemo()

async function runDemo(): Promise<number> {
  const start = performance.now()
  let folder: string | undefined
  try {
    requireSpace(os.tmpdir(), spaceNeeded * Math.max(scale, 0.05))
    folder = path.join(mkdtempSync(path.join(os.tmpdir(), 'dits-demo-')), 'film')
    mkdirSync(folder)
    const ffmpeg = withFfmpeg ? findProgram('ffmpeg') : undefined
    const stage = createStage({ folder, ffmpeg, scale, colors, launcher, write: (text) => void process.stdout.write(text) })
    for (const { title, play } of chapters) {
      stage.say(`\n${colors.bold(colors.cyan(title))}`)
      await play(stage)
    }
    sayFarewell(stage, performance.now() - start)
    return 0
  } catch (error) {
    const text = error instanceof DemoFailure ? error.message : error instanceof Error ? error.stack : String(error)
    console.error(`\n${colors.red('demo:')} ${text}${folder === undefined ? '' : `\nThe folder is kept for a look: ${folder}`}`)
    return error instanceof DemoFailure && folder === undefined ? 2 : 1
  }
}

function sayFarewell(stage: Stage, timeMs: number): void {
  const { bold, dim, green } = stage.colors
  stage.say(`\n${green('Everything matched')}, in ${formatDuration(timeMs)}. ${bold('Try this next:')}`)
  stage.say()
  if (!isOnPath()) stage.say(`  export PATH=${path.dirname(launcher)}:$PATH`)
  stage.say(`  cd ${stage.folder}`)
  const next: [command: string, meaning: string][] = [
    ['dits log', 'what happened'],
    ['dits du', 'what each version takes'],
    ['rm -r audio && dits status', 'delete something'],
    ['dits restore audio', 'and take it back'],
    ['dits reset --hard HEAD~1', 'drop the last version'],
    ['dits undo', 'think better of it'],
  ]
  const width = Math.max(...next.map(([command]) => command.length))
  for (const [command, meaning] of next) stage.say(`  ${command.padEnd(width)}  ${dim(`# ${meaning}`)}`)
  stage.say(`\nWhen you are done: rm -r ${path.dirname(stage.folder)}`)
}

function readArguments(): { scale: number; withFfmpeg: boolean } {
  try {
    const { values } = parseArgs({ options: { scale: { type: 'string', default: '1' }, 'no-ffmpeg': { type: 'boolean', default: false } } })
    const number = Number(values.scale)
    if (!(number > 0 && number <= 100)) throw new RangeError(`'${values.scale}' is no scale above 0 and up to 100`)
    return { scale: number, withFfmpeg: !values['no-ffmpeg'] }
  } catch (error) {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}\n${usage}`)
    process.exit(2)
  }
}

function requireSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize >= bytes) return
  throw new DemoFailure(`'${folder}' has ${formatSize(bavail * bsize)} left, and the demo needs ${formatSize(bytes)}\nhint: set TMPDIR to a folder with more room`)
}

/** The path of a program that can be run, as a shell would find it. */
function findProgram(name: string): string | undefined {
  const found = (process.env['PATH'] ?? '').split(path.delimiter).map((folder) => path.join(folder || '.', name)).find(isExecutable)
  return found !== undefined && spawnSync(found, ['-version'], { stdio: 'ignore' }).status === 0 ? found : undefined
}

/** Whether typing `dits` starts this dits. */
function isOnPath(): boolean {
  const found = (process.env['PATH'] ?? '').split(path.delimiter).map((folder) => path.join(folder || '.', 'dits')).find(isExecutable)
  return found !== undefined && realpathSync(found) === realpathSync(launcher)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

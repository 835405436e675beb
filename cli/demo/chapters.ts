import { mkdirSync, rmSync } from 'node:fs'
import { editProject, makeProject } from '../../fixtures/project.ts'
import { formatCount, formatSize } from '../format.ts'
import { share } from './sharing.ts'
import type { Stage } from './stage.ts'
import { costTable, measureStore, readWorkingTree, requireSame, type Version } from './version.ts'

/** A part of the demo. Chapters run in order, on what those before them left; a capability adds its own at its place. */
export interface Chapter {
  title: string
  play(stage: Stage): Promise<void>
}

export const chapters: readonly Chapter[] = [
  { title: 'A film project, put under version control', play: startProject },
  { title: 'Two days of work', play: editTwice },
  { title: 'What it cost', play: showCost },
  { title: 'Back to the first version, and forward again', play: travel },
  { title: 'A server, and a clone that has no content yet', play: share },
]

const seed = 2024

async function startProject(stage: Stage): Promise<void> {
  await stage.work('Making video, sound, stills, frames, game assets and notes', () => fillFolder(stage), ({ content, bytes }) => {
    const by = stage.ffmpeg === undefined ? 'generated' : 'footage by ffmpeg'
    return `${formatCount(content.size)} files, ${formatSize(bytes)}, ${by}`
  })
  stage.dits('init')
  commitVersion(stage, 'first assembly')
}

async function fillFolder(stage: Stage): Promise<ReturnType<typeof readWorkingTree>> {
  const make = () => makeProject(stage.folder, { seed, scale: stage.scale, ffmpeg: stage.ffmpeg })
  if (stage.ffmpeg !== undefined) {
    try {
      await make()
    } catch {
      // An ffmpeg that lacks a filter or an encoder is no reason not to show dits.
      stage.ffmpeg = undefined
      rmSync(stage.folder, { recursive: true })
      mkdirSync(stage.folder)
    }
  }
  if (stage.ffmpeg === undefined) await make()
  return readWorkingTree(stage.folder)
}

async function editTwice(stage: Stage): Promise<void> {
  for (const [version, title] of [[2, 'second cut'], [3, 'after the screening']] as const) {
    const done = await editProject(stage.folder, version, { ffmpeg: stage.ffmpeg })
    for (const step of done) stage.say(stage.colors.dim(`  - ${step}`))
    commitVersion(stage, title)
    if (version === 2) stage.say()
  }
}

async function showCost(stage: Stage): Promise<void> {
  const [heads, ...rows] = costTable(stage.versions)
  stage.say(stage.colors.dim(heads!))
  for (const row of rows) stage.say(row)
  const copies = stage.versions.reduce((sum, { bytes }) => sum + bytes, 0)
  const store = stage.versions.at(-1)!.storeBytes
  stage.say(`\nAll three versions take ${stage.colors.green(formatSize(store))}; three copies of the folder would take ${formatSize(copies)}.`)
}

async function travel(stage: Stage): Promise<void> {
  const [first, , last] = stage.versions
  stage.ditsInFull('log', '--oneline')
  stage.dits('switch', '--detach', 'HEAD~2')
  prove(stage, first!)
  stage.dits('switch', 'main')
  prove(stage, last!)
  stage.dits('fsck', '--full')
}

/** Adds and commits what is there, and records what it was, for `prove`, before dits sees it. */
function commitVersion(stage: Stage, title: string): void {
  const { content, bytes } = readWorkingTree(stage.folder)
  stage.dits('add', '.')
  stage.dits('commit', '-m', title)
  const version: Version = { title, content, bytes, storeBytes: measureStore(stage.folder) }
  stage.versions.push(version)
}

function prove(stage: Stage, version: Version): void {
  const count = requireSame(stage.folder, version)
  stage.say(`  ${stage.colors.green('same')}: all ${formatCount(count)} files are, byte for byte, what they were in '${version.title}' (BLAKE3)`)
}

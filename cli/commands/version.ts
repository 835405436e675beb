import { createRequire } from 'node:module'
import { arch, platform, release } from 'node:os'
import type { Command } from '../command.ts'
import { formatTable } from '../format.ts'
import { readVersion } from '../version.ts'

/** The outside libraries that are loaded as they were installed, and so may differ from one machine to the next. */
const libraries = ['@napi-rs/blake-hash']

export const command: Command = {
  name: 'version',
  group: 'maintain',
  summary: 'Print the version; with --verbose also of what dits runs on',
  usage: ['version [--verbose]'],
  options: (yargs) => yargs,

  async run({ stdout, json, verbose }) {
    const version = readVersion()
    const rows = verbose ? surroundings() : []
    if (json) stdout.json({ version, ...Object.fromEntries(rows) })
    else for (const line of formatTable([['dits', version], ...rows], ['left', 'left'])) stdout.line(verbose ? line : `dits ${version}`)
  },
}

function surroundings(): [string, string][] {
  const { node, v8, zstd, sqlite } = process.versions
  const require = createRequire(import.meta.url)
  return [
    ['node', node],
    ['v8', v8],
    ['zstd', zstd ?? 'none'],
    ['sqlite', sqlite ?? 'none'],
    ['platform', `${platform()}-${arch()} ${release()}`],
    ...libraries.map((name): [string, string] => [name, (require(`${name}/package.json`) as { version: string }).version]),
  ]
}

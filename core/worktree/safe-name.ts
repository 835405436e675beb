import { baseName, pathToText, type BytePath } from '../bytes.ts'
import { DitsError } from '../errors.ts'
import { repositoryName, temporaryPrefix } from './disk.ts'

/** Whose rules for names hold: what `process.platform` says. */
export type Platform = NodeJS.Platform

/**
 * Refuses a path that a tree can carry but a working tree must not: one that
 * leads out of it or into the repository, and what this system reads as
 * another name. Throws `unsafe-path`.
 */
export function checkSafePath(path: BytePath, platform: Platform = process.platform): void {
  for (const name of path.split('/')) {
    const problem = nameProblem(name, platform)
    if (problem) throw unsafePath(path, problem)
  }
}

export function unsafePath(path: BytePath, problem: string): DitsError {
  return new DitsError('unsafe-path', `'${pathToText(path)}' cannot be written: ${problem}`, {
    hint: 'rename it in a commit made on a system that allows the name',
  })
}

/** What stands for a name on file systems that ignore case and the way accents are composed. */
export function foldName(name: string): string {
  return pathToText(baseName(name as BytePath)).normalize('NFD').toLowerCase()
}

function nameProblem(name: string, platform: Platform): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'it leads out of the working tree'
  if (/[\0/]/.test(name)) return 'it has a forbidden byte'
  if (name.startsWith(temporaryPrefix)) return `names that start with '${temporaryPrefix}' belong to unfinished files`
  if (isRepositoryOn(name, platform)) return `'${repositoryName}' is the repository`
  return platform === 'win32' ? windowsProblem(name) : undefined
}

/**
 * True for every spelling of the repository's name: any case of letters
 * anywhere, characters that HFS+ leaves out, and what Windows leaves off at
 * the end or makes of it as a short name.
 */
function isRepositoryOn(name: string, platform: Platform): boolean {
  let text = pathToText(name as BytePath)
  if (platform === 'darwin') text = text.replace(ignoredByHfs, '')
  if (platform === 'win32') text = text.replace(/[. ]*(:.*)?$/, '')
  text = text.toLowerCase()
  return text === repositoryName || (platform === 'win32' && /^dits~\d+$/.test(text))
}

const ignoredByHfs = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g

function windowsProblem(name: string): string | undefined {
  if (/[<>:"|?*\\\x00-\x1f]/.test(name)) return 'Windows allows none of < > : " | ? * \\ in a name'
  if (/[. ]$/.test(name)) return 'Windows leaves off a dot or space at the end of a name'
  // The superscript digits 1, 2 and 3 count as digits here (in UTF-8, as bytes).
  if (/^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)(\d|\xc2[\xb9\xb2\xb3])) *(\.|$)/i.test(name)) {
    return 'the name is a device on Windows'
  }
  return undefined
}

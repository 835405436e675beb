import type { VerbRow } from './command.ts'

/** Short names, as many people have them in their fingers from git. */
export const aliases: Readonly<Record<string, string>> = {
  br: 'branch',
  ci: 'commit',
  co: 'checkout',
  st: 'status',
}

/** What people type who know another program, and the verbs that do it here. */
const meanings: Readonly<Record<string, string>> = {
  delete: 'rm',
  history: 'log',
  list: 'ls-files',
  move: 'mv',
  remove: 'rm',
  rename: 'mv',
  save: 'commit',
  unstage: 'restore --staged',
}

/** The verb that a word means. */
export function verbOf(word: string): string {
  return Object.hasOwn(aliases, word) ? aliases[word]! : word
}

/** Verbs that someone may have meant by `word`, best first; few, and none that is far off. */
export function similarVerbs(word: string, verbs: readonly VerbRow[]): string[] {
  if (Object.hasOwn(meanings, word)) return [meanings[word]!]
  const scored = verbs
    .filter(({ hidden }) => !hidden)
    .map(({ name }) => ({ name, distance: name.startsWith(word) && word.length > 1 ? 0 : editDistance(word, name) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(Math.min(word.length, name.length) / 3)) && distance < name.length)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
  return scored.filter(({ distance }) => distance === scored[0]!.distance).map(({ name }) => name).slice(0, 4)
}

/**
 * Damerau-Levenshtein distance with adjacent swaps (optimal string alignment):
 * insertions, deletions, replacements and swaps of neighbours cost one each.
 */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let best = Math.min(row[j - 1]! + 1, rows[i - 1]![j]! + 1, rows[i - 1]![j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, rows[i - 2]![j - 2]! + 1)
      row.push(best)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}

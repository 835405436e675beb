/**
 * The name that someone who typed `text` most likely meant: the one with the
 * fewest letters inserted, deleted, replaced or swapped, where these are at
 * most a third of the letters typed (one at least may be wrong). Names that
 * differ in their numbers only are no slips of the finger, and words of one or
 * two letters are like any other.
 */
export function nearestName(text: string, names: Iterable<string>): string | undefined {
  if (text.length < 3) return undefined
  const unnumbered = (name: string): string => name.replace(/\d+/g, '0')
  let best: string | undefined
  let limit = Math.max(1, Math.floor(text.length / 3)) + 1
  for (const name of names) {
    if (Math.abs(name.length - text.length) >= limit || unnumbered(name) === unnumbered(text)) continue
    const distance = editDistance(text, name)
    if (distance >= limit) continue
    best = name
    limit = distance
  }
  return best
}

/** Optimal string alignment distance: edits between two texts, a swap of neighbours counting as one. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, beforeLast[j - 2]! + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}

/** How many columns text takes on a terminal: 2 for wide East Asian characters and emoji, 0 for combining marks. */
export function textWidth(text: string): number {
  if (isPlain(text)) return text.length
  let width = 0
  for (const character of text) width += characterWidth(character)
  return width
}

/** `text` in at most `columns` columns; what is left out at its start shows as '…', since the end of a path says most. */
export function keepEnd(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text
  if (columns <= 0) return ''
  const characters = [...text]
  let width = 1
  let from = characters.length
  while (from > 0 && width + characterWidth(characters[from - 1]!) <= columns) width += characterWidth(characters[--from]!)
  return `…${characters.slice(from).join('')}`
}

/** `text` with spaces after it, or before it, up to `columns`. */
export function padText(text: string, columns: number, side: 'left' | 'right'): string {
  const spaces = ' '.repeat(Math.max(0, columns - textWidth(text)))
  return side === 'left' ? text + spaces : spaces + text
}

function isPlain(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text)
}

/** First and last code points of the blocks that terminals draw two columns wide (Unicode Standard Annex 11, W and F). */
const wideRanges: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
]

function characterWidth(character: string): number {
  const code = character.codePointAt(0)!
  if (/^[\p{M}\u200b-\u200f\x00-\x1f\x7f]$/u.test(character)) return 0
  return wideRanges.some(([first, last]) => code >= first && code <= last) ? 2 : 1
}

/** Ways to stress text. Each returns its argument unchanged where colours are off. */
export interface Colors {
  enabled: boolean
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
  blue(text: string): string
  magenta(text: string): string
  cyan(text: string): string
}

/** What decides whether a stream gets colours. */
export interface ColorSituation {
  variables: Readonly<Record<string, string | undefined>>
  isTerminal: boolean
  /** `--color` or `--no-color`; `undefined` where neither was given. */
  wanted: boolean | undefined
}

/**
 * Whether to colour: the option decides first, then NO_COLOR (any text turns
 * colours off, no-color.org), then FORCE_COLOR (on unless '0' or 'false'),
 * then whether the stream is a terminal that is not 'dumb'.
 */
export function wantsColor({ variables, isTerminal, wanted }: ColorSituation): boolean {
  if (wanted !== undefined) return wanted
  if (variables['NO_COLOR']) return false
  const force = variables['FORCE_COLOR']
  if (force !== undefined) return force !== '0' && force !== 'false'
  return isTerminal && variables['TERM'] !== 'dumb'
}

/** The colours of one stream. */
export function createColors(enabled: boolean): Colors {
  const style = (on: number, off: number) => (text: string) => (enabled && text ? `\x1b[${on}m${text}\x1b[${off}m` : text)
  return {
    enabled,
    bold: style(1, 22),
    dim: style(2, 22),
    red: style(31, 39),
    green: style(32, 39),
    yellow: style(33, 39),
    blue: style(34, 39),
    magenta: style(35, 39),
    cyan: style(36, 39),
  }
}

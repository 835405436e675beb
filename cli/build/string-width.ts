import { stripVTControlCharacters } from 'node:util'
import { textWidth } from '../text-width.ts'

/**
 * Stands in for the package string-width in the bundle: that one prepares
 * tables of all emoji when it is loaded, which took 25 ms of every start, to
 * measure help texts that have none.
 */
export default function stringWidth(text: string): number {
  return textWidth(stripVTControlCharacters(text))
}

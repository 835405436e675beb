/** What a terminal takes for a command, or for a turn of the direction of text. */
export const unprintable = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/**
 * A text of somebody else's, such as a message or a name, as it may stand in a
 * line on a terminal: control characters, and those that turn the direction of
 * text, become question marks. Tabs stay.
 */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => (character === '\t' ? character : '?'))
}

/** The same for a text that may have several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** What a commit or a tag is about: the first line of its message. */
export function subjectLine(message: string): string {
  return printable(message.split('\n', 1)[0] ?? '')
}

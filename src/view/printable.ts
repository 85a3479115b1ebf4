// Text from elsewhere (a file, a server, a name) on its way to a terminal: what could move the cursor, change
// colours or turn the reading direction is shown, never obeyed.

/** Control characters (tabs and line ends too) and direction marks become `\x1b`, `\u202e`. */
export function makePrintable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]|[\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (char) => {
    const code = char.charCodeAt(0)
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
  })
}

// Text from elsewhere (a file, a server, a name) on its way to a terminal: what could move the cursor, change
// colours, turn the reading direction or hide between what is seen is shown, never obeyed.

/** Control characters, tabs and line ends too; format characters (direction marks, zero width), and blanks that look like nothing. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]/gu

/** They become `\x1b`, `\u202e`, `\U000e0041`: what they are called between double quotes of YAML. */
export function makePrintable(text: string): string {
  return text.replace(UNSEEN, (character) => nameOf(character.codePointAt(0)!))
}

function nameOf(code: number): string {
  const hex = code.toString(16)
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

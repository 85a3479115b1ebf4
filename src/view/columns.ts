// How much room a line takes on a terminal, and how it is made to fit: cut, or in several lines.

/** SGR, the only escape sequences that we print within a line: they take no room. */
const PIECES = /\x1b\[[\d;]*m|./gsu

/** As terminals count: East Asian wide characters and emoji take two columns, combining marks and colours none. */
export function columnsOf(text: string): number {
  return piecesOf(text).reduce((sum, piece) => sum + columnsOfPiece(piece), 0)
}

/** With an ellipsis where something is missing. Colours end where they ended. */
export function cutLine(line: string, columns: number): string {
  if (columnsOf(line) <= columns) return line
  const [shown, rest] = split(line, columns - 1)
  const ends = piecesOf(rest).filter((piece) => piece.startsWith('\x1b'))
  return `${shown}…${ends.join('')}`
}

/** Broken at blanks, where there are any; what follows is indented by two more. */
export function wrapLine(line: string, columns: number): string[] {
  const indent = `${/^ */.exec(line)![0]}  `
  const lines: string[] = []
  let rest = line
  while (columnsOf(rest) > columns && indent.length + 1 < columns) {
    const [shown, more] = split(rest, columns)
    const blank = more.startsWith(' ') ? shown.length : shown.lastIndexOf(' ')
    const at = shown.slice(0, Math.max(blank, 0)).trim() === '' ? shown.length : blank
    lines.push(rest.slice(0, at))
    rest = indent + rest.slice(at).trimStart()
  }
  return [...lines, rest]
}

/** The first part takes at most so many columns. */
function split(line: string, columns: number): [string, string] {
  let [length, room] = [0, columns]
  for (const piece of piecesOf(line)) {
    room -= columnsOfPiece(piece)
    if (room < 0) break
    length += piece.length
  }
  return [line.slice(0, length), line.slice(length)]
}

function piecesOf(text: string): string[] {
  return text.match(PIECES) ?? []
}

const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1faff}\u{20000}-\u{3fffd}]/u

function columnsOfPiece(piece: string): number {
  if (piece.startsWith('\x1b') || /^\p{M}/u.test(piece)) return 0
  return WIDE.test(piece) ? 2 : 1
}

// A terminal that is drawn on again and again: the alternate screen (xterm, "ctlseqs"), so that nothing of it stays
// and a resize leaves no torn lines. What is drawn is left to others.

import { cutLine } from '../view/columns.ts'

export interface Screen {
  /** Shows this text; lines that are too many or too wide are cut. Nothing when it is what stands there. */
  draw(text: string): void
  /** Gives the terminal back as it was. Idempotent. */
  close(): void
}

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

/** `onResize`: what stands there does not fit any more. */
export function openScreen(stream: NodeJS.WriteStream, onResize: () => void): Screen {
  let shown = ''
  const resized = () => {
    shown = ''
    onResize()
  }
  let isClosed = false
  const close = () => {
    if (isClosed) return
    isClosed = true
    stream.off('resize', resized)
    process.off('exit', close)
    stream.write(LEAVE)
  }
  stream.write(ENTER)
  stream.on('resize', resized)
  // However the process ends, nobody shall be left on this screen, without a cursor.
  process.once('exit', close)
  return {
    close,
    draw: (text) => {
      const fitted = fit(text, stream)
      if (fitted === shown || isClosed) return
      shown = fitted
      stream.write(`\x1b[H${fitted}\x1b[J`)
    },
  }
}

/** Each line erases first what stood there: after its last column, the cursor would still stand on what it wrote. */
function fit(text: string, { rows, columns }: NodeJS.WriteStream): string {
  const lines = text.trimEnd().split('\n')
  const fits = rows < 2 || lines.length <= rows
  const shown = fits ? lines : [...lines.slice(0, rows - 1), `… ${lines.length - rows + 1} more lines`]
  return shown.map((line) => `\x1b[K${columns > 1 ? cutLine(line, columns) : line}`).join('\n')
}

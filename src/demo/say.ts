// How the demo talks: headings, what is there, what was done, each on its own kind of line.

import { styleText } from 'node:util'

export interface Say {
  heading(text: string): void
  line(text: string): void
  /** Something quoted: a file, a plan, a status. Indented, its own colours kept. */
  quote(text: string): void
  /** What a person could type, and what came back. */
  exchange(command: string, answer: string): void
}

type Style = Parameters<typeof styleText>[0]

export function sayTo(out: NodeJS.WritableStream, color: boolean): Say {
  const paint = (style: Style, text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text
  const line = (text: string) => void out.write(`${text}\n`)
  return {
    heading: (text) => line(`\n${paint('bold', text)}`),
    line,
    quote: (text) => line(text.trimEnd().replaceAll(/^(?=.)/gm, '    ')),
    exchange: (command, answer) => {
      line(`  ${paint('dim', '$')} ${command}`)
      line(`  ${paint('green', answer.trimEnd())}`)
    },
  }
}

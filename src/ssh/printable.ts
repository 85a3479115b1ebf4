// What a server says, made safe for a terminal and short enough for a sentence.

export function printable(text: string, length = 300): string {
  return text.slice(0, length).replace(/[^\x20-\x7e]/g, '?')
}

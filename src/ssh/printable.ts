// What a server says, made safe for a terminal and short enough for a sentence.

export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 300)
}

// The head of an HTTP/1 request: how long its body is, and the same head with another Host.

/** `unknown`: it cannot be told, and what follows must be left alone. */
export type BodyLength = number | 'chunked' | 'unknown'

export interface RequestHead {
  /** The request line and the headers, each with the line break that it came with; the blank line is the last. */
  lines: string[]
  body: BodyLength
  isUpgrade: boolean
  /** CONNECT: what follows is no HTTP. */
  isTunnel: boolean
}

/** Null for what is no HTTP/1 request. `text` is latin1 and ends with the blank line. */
export function parseRequestHead(text: string): RequestHead | null {
  const lines = unfold(text.split(/(?<=\n)/))
  const requestLine = lines.find((line) => line.trim() !== '') ?? ''
  if (!/^\S+ .+ HTTP\/1\.[01]\r?\n$/.test(requestLine)) return null
  return {
    lines,
    body: bodyLength(values(lines, 'transfer-encoding'), values(lines, 'content-length')),
    isUpgrade: values(lines, 'upgrade').length > 0,
    isTunnel: requestLine.startsWith('CONNECT '),
  }
}

/**
 * Exactly one Host, where the first one stood, else right after the request line; also in a target that is a whole URL,
 * because a server goes by that one (RFC 9112 section 3.2.2).
 */
export function withHost({ lines: asked }: RequestHead, host: string): string {
  const first = asked.findIndex((line) => line.trim() !== '')
  const lines = asked.map((line, at) => (at === first ? withAuthority(line, host) : line))
  const isHost = (line: string) => /^host[ \t]*:/i.test(line)
  const place = Math.max(lines.findIndex(isHost), 0)
  const line = `Host: ${host}\r\n`
  if (place > 0) return lines.map((old, at) => (at === place ? line : isHost(old) ? '' : old)).join('')
  const after = lines.findIndex((old) => old.trim() !== '') + 1
  return [...lines.slice(0, after), line, ...lines.slice(after)].join('')
}

function withAuthority(requestLine: string, host: string): string {
  return requestLine.replace(/^(\S+ +https?:\/\/)[^/?# ]*/i, (_, before: string) => before + host)
}

/** A line that begins with a blank continues the one before (RFC 9112 section 5.2). */
function unfold(lines: string[]): string[] {
  const whole: string[] = []
  for (const line of lines) {
    if (/^[ \t]/.test(line) && whole.length > 1) whole.push(`${whole.pop()}${line}`)
    else whole.push(line)
  }
  return whole
}

function values(lines: string[], name: string): string[] {
  return lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return line.slice(0, Math.max(colon, 0)).trim().toLowerCase() === name
      ? [line.slice(colon + 1).trim()]
      : []
  })
}

/** RFC 9112 section 6.3. Both headers, or two lengths, are what request smuggling is made of. */
function bodyLength(encodings: string[], lengths: string[]): BodyLength {
  if (encodings.length > 0) {
    const isChunked = lengths.length === 0 && /(^|,)[ \t]*chunked$/i.test(encodings.join(','))
    return isChunked ? 'chunked' : 'unknown'
  }
  const [length = '0', ...others] = lengths
  const isClear = /^\d{1,15}$/.test(length) && others.every((other) => other === length)
  return isClear ? Number(length) : 'unknown'
}

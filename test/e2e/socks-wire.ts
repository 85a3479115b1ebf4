// SOCKS on the wire, for the tests that are their own client: messages as bytes, and a conversation that tells
// what came back and how it ended. Real clients are in clients.test.ts.

import { connect, isIP } from 'node:net'

/** RFC 1928 section 3: no authentication. */
export const hello = Buffer.from([5, 1, 0])
export const greeted = [5, 0]

/** RFC 1928 section 6, with the bound address that we always say. */
export const replied = (code: number) => [5, code, 0, 1, 0, 0, 0, 0, 0, 0]
/** 90 granted, 91 refused. */
export const replied4 = (code: 90 | 91) => [0, code, 0, 0, 0, 0, 0, 0]

/** CONNECT (or another command) to an address or a name. */
export function socks5Request(host: string, port: number, command = 1): Buffer {
  return Buffer.from([5, command, 0, ...addressOf(host), port >> 8, port & 255])
}

/** Greeting and request at once. */
export function socks5(host: string, port: number, command = 1): Buffer {
  return Buffer.concat([hello, socks5Request(host, port, command)])
}

/** SOCKS4; with a name instead of an address SOCKS4a. */
export function socks4(host: string, port: number, command = 1): Buffer {
  const isAddress = isIP(host) === 4
  const address = isAddress ? ipv4Bytes(host) : [0, 0, 0, 1]
  const name = isAddress ? [] : [...Buffer.from(host), 0]
  return Buffer.from([4, command, port >> 8, port & 255, ...address, 0, ...name])
}

/** RFC 1929, with the greeting that offers it. */
export function login(username: string, password: string): Buffer {
  const field = (text: string) => [Buffer.byteLength(text), ...Buffer.from(text)]
  return Buffer.from([5, 1, 2, 1, ...field(username), ...field(password)])
}

export interface Answer {
  bytes: Buffer
  /** FIN, or the code of the error. */
  ending: string
}

export interface TalkOptions {
  /** Default true: our FIN follows what we say. Else ours comes after theirs. */
  finish?: boolean
  /** Each piece goes out as a segment of its own, after the one before has been handed over. */
  pieces?: boolean
  host?: string
}

/** Says it all, then listens to the end. Gives up after 40 s with the ending `too long`. */
export function talk(port: number, said: Buffer, options: TalkOptions = {}): Promise<Answer> {
  const { finish = true, pieces = false, host = '127.0.0.1' } = options
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
    const end = (ending: string) => {
      clearTimeout(timer)
      resolve({ bytes: Buffer.concat(chunks), ending })
      if (ending === 'FIN') socket.end()
      else socket.destroy()
    }
    const timer = setTimeout(() => end('too long'), 40_000)
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('end', () => end('FIN'))
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? String(error)))
    void say()

    async function say(): Promise<void> {
      for (const piece of pieces ? [...said].map((byte) => Buffer.from([byte])) : [said]) {
        if (socket.destroyed || socket.writableEnded) return
        await new Promise((resolve) => socket.write(piece, resolve))
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (finish && !socket.destroyed) socket.end()
    }
  })
}

function addressOf(host: string): number[] {
  if (isIP(host) === 4) return [1, ...ipv4Bytes(host)]
  if (isIP(host) === 6) return [4, ...ipv6Bytes(host)]
  return [3, Buffer.byteLength(host), ...Buffer.from(host)]
}

function ipv4Bytes(address: string): number[] {
  return address.split('.').map(Number)
}

/** `::` stands once at most, and there is no dotted tail. */
function ipv6Bytes(address: string): number[] {
  const [head = '', tail] = address.split('::')
  const words = (text: string) => text.split(':').filter(Boolean)
  const missing = 8 - words(head).length - words(tail ?? '').length
  const all = [
    ...words(head),
    ...Array<string>(tail === undefined ? 0 : missing).fill('0'),
    ...words(tail ?? ''),
  ]
  return all.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255])
}

// What a user would point at a tunnel: a raw exchange of bytes, an HTTP request, curl.

import { execFile } from 'node:child_process'
import { get } from 'node:http'
import { connect, type NetConnectOpts } from 'node:net'

/** A port on 127.0.0.1, a path, or what net.connect takes. */
export type Destination = number | string | NetConnectOpts

/**
 * Connects, sends `content`, then FIN, and resolves with all that came back when the other side has ended too.
 * Rejects with Node's error (ECONNRESET, ECONNREFUSED …), or after 20 s.
 */
export function exchange(to: Destination, content: string | Buffer = ''): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...optionsOf(to), allowHalfOpen: true } as NetConnectOpts)
    const chunks: Buffer[] = []
    socket.setTimeout(20_000, () => socket.destroy(new Error('exchange: nothing moved for 20 s')))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('end', () => resolve(Buffer.concat(chunks)))
    socket.on('error', reject)
    socket.end(content)
  })
}

/** The code of the error with which `exchange` fails, or null when it does not. */
export async function failureOf(to: Destination, content: string | Buffer = ''): Promise<string | null> {
  try {
    await exchange(to, content)
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

/** GET http://HOST:PORT/PATH on a connection of its own; resolves with the body of a 200. */
export function fetchText(port: number, path = '/', host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path, agent: false, timeout: 20_000 }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(body)
          : reject(new Error(`HTTP ${response.statusCode}: ${body}`)),
      )
    })
    request.on('timeout', () => request.destroy(new Error('fetchText: no answer for 20 s')))
    request.on('error', reject)
  })
}

/** curl(1) without the user's own settings; `code` is its exit code (97: the proxy refused). */
export function curl(...args: string[]): Promise<{ code: number; stdout: string }> {
  const env = { PATH: process.env.PATH ?? '', NO_PROXY: '' }
  return new Promise((resolve) => {
    execFile('curl', ['-q', '-sS', '--max-time', '20', ...args], { env }, (error, stdout) => {
      resolve({ code: error ? Number(error.code) : 0, stdout })
    })
  })
}

function optionsOf(to: Destination): NetConnectOpts {
  if (typeof to === 'number') return { host: '127.0.0.1', port: to }
  return typeof to === 'string' ? { path: to } : to
}

// Asks a web service for something over whatever way a caller opened: the demo's own small curl.

import { type IncomingMessage, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { connectThroughSocks } from './socks-client.ts'

export interface Way {
  /** A SOCKS 5 proxy; absent: straight to the URL's host and port. */
  socks?: { host: string; port: number }
  signal: AbortSignal
}

/** The body of the answer. Rejects on any status but 200, on a connection cut short, and when `signal` fires. */
export async function fetchText(url: string, way: Way): Promise<string> {
  const response = await get(url, way)
  response.setEncoding('utf8')
  let body = ''
  for await (const chunk of response) body += chunk
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}: ${body.trim()}`)
  return body
}

/** The lines of an answer that goes on until `signal` fires or the service ends it. */
export async function* fetchLines(url: string, way: Way): AsyncGenerator<string> {
  const response = await get(url, way)
  response.setEncoding('utf8')
  let rest = ''
  for await (const chunk of response) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

async function get(url: string, way: Way): Promise<IncomingMessage> {
  way.signal.throwIfAborted()
  const target = new URL(url)
  const socket = await openConnection(target, way)
  // The request hears of what goes wrong while it lives; afterwards nobody needs to.
  socket.on('error', () => {})
  return new Promise((resolve, reject) => {
    const asked = request(target, { signal: way.signal, createConnection: () => socket }, resolve)
    asked.on('error', reject)
    asked.end()
  })
}

async function openConnection(target: URL, way: Way): Promise<Socket> {
  const port = Number(target.port || 80)
  if (way.socks) return connectThroughSocks(way.socks, { host: target.hostname, port }, way.signal)
  return connect({ host: target.hostname, port, signal: way.signal })
}

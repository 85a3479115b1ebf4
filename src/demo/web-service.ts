// The web service that the demo's forwards lead to: it says its own name, so that an answer shows which
// way was taken, and it counts aloud for as long as somebody listens, so that a gap would be heard.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface WebService {
  port: number
  /** The highest number that `/count` has said to anybody. */
  counted(): number
  /** Cuts what is open; resolves when the port is free. */
  stop(): Promise<void>
}

/** `GET /` answers with `greeting`; `GET /count` with 1, 2, 3, … a line each 50 ms. On a free port of 127.0.0.1. */
export async function startWebService(greeting: string): Promise<WebService> {
  let counted = 0
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    if (request.url === '/count')
      return countAloud(request, response, (count) => {
        counted = Math.max(counted, count)
      })
    response.statusCode = request.url === '/' ? 200 : 404
    return response.end(request.url === '/' ? `${greeting}\n` : 'There is / and /count here.\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    counted: () => counted,
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function countAloud(
  request: IncomingMessage,
  response: ServerResponse,
  onCount: (count: number) => void,
): void {
  let count = 0
  const timer = setInterval(() => {
    response.write(`${++count}\n`)
    onCount(count)
  }, 50)
  request.socket.once('close', () => clearInterval(timer))
}

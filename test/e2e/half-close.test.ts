// Half-close: a client that has said everything still hears all of the answer, in every kind of forward.

import type { Socket } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Destination } from '../helpers/clients.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { startEchoAfterEnd, startServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { converse, heard, open, openBySocks, someBytes } from './bytes.ts'
import { projectVia } from './project-via.ts'

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd()
})

interface Case {
  name: string
  listen: 'local' | 'remote' | 'dynamic'
  from?: 'unix'
  to?: 'unix' | 'socks'
  socks?: 4 | 5
}

const cases: Case[] = [
  { name: 'local', listen: 'local' },
  { name: 'local, from a Unix socket', listen: 'local', from: 'unix' },
  { name: 'local, to a Unix socket', listen: 'local', to: 'unix' },
  { name: 'local, from one Unix socket to another', listen: 'local', from: 'unix', to: 'unix' },
  { name: 'remote', listen: 'remote' },
  { name: 'remote, from a Unix socket', listen: 'remote', from: 'unix' },
  { name: 'remote, to a Unix socket', listen: 'remote', to: 'unix' },
  { name: 'remote, from one Unix socket to another', listen: 'remote', from: 'unix', to: 'unix' },
  { name: 'dynamic, by SOCKS5', listen: 'dynamic', socks: 5 },
  { name: 'dynamic, by SOCKS4a', listen: 'dynamic', socks: 4 },
  { name: 'remote SOCKS, by SOCKS5', listen: 'remote', to: 'socks', socks: 5 },
  { name: 'remote SOCKS, by SOCKS4a', listen: 'remote', to: 'socks', socks: 4 },
]

describe.each(cases)('$name', ({ listen, from, to, socks }) => {
  /** A way to a server of the test's own, through a forward of this kind. */
  async function way(start: (where: { path?: string }) => Promise<{ port: number }>): Promise<Socket> {
    const folder = testFolder()
    const path = folder.join('target.sock')
    const { port } = await start(to === 'unix' ? { path } : {})
    const door: Destination = from === 'unix' ? folder.join('listen.sock') : await freePort()
    const target = to === 'unix' ? path : to === 'socks' ? 'socks' : `127.0.0.1:${port}`
    const forward = listen === 'dynamic' ? { dynamic: door } : { [listen]: door, to: target }
    await projectVia(sshd, { it: forward }).up()
    return socks ? openBySocks(door as number, socks, { host: 'localhost', port }) : open(door)
  }

  test('200,000 bytes up, FIN, all 200,000 back', async () => {
    const sent = someBytes(200_000)
    const socket = await way((where) => startEchoAfterEnd(where as { path: string }))
    expect((await converse(socket, sent)).equals(sent)).toBe(true)
  })

  test('a server that has said everything still hears the rest', async () => {
    const sent = someBytes(200_000)
    const received: Buffer[] = []
    let isOver: () => void = () => {}
    const over = new Promise<void>((resolve) => {
      isOver = resolve
    })
    const socket = await way((where) =>
      startServer(
        (client) => {
          client.end('that is all')
          client.on('data', (chunk: Buffer) => received.push(chunk)).on('end', isOver)
        },
        where as { path: string },
      ),
    )
    expect(String(await heard(socket))).toBe('that is all')
    socket.end(sent)
    await over
    expect(Buffer.concat(received).equals(sent)).toBe(true)
  })
})

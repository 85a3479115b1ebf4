// Half-close: whoever has said everything still hears all of the answer, in every kind of forward.

import type { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Destination } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { startEchoAfterEnd, startServer, type TestServer, type Where } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { converse, heard, open, openBySocks, someBytes } from './bytes.ts'
import { projectVia } from './project-via.ts'

interface Case {
  name: string
  kind: 'local' | 'remote' | 'dynamic'
  from: 'tcp' | 'unix'
  to: 'tcp' | 'unix' | 'socks'
  socks?: 4 | 5
}

const ends = ['tcp', 'unix'] as const
const mixes = (['local', 'remote'] as const).flatMap((kind) =>
  ends.flatMap((from) => ends.map((to): Case => ({ name: `${kind}, ${from} to ${to}`, kind, from, to }))),
)
const cases: Case[] = [
  ...mixes,
  { name: 'dynamic, by SOCKS5', kind: 'dynamic', from: 'tcp', to: 'socks', socks: 5 },
  { name: 'dynamic, by SOCKS4a', kind: 'dynamic', from: 'tcp', to: 'socks', socks: 4 },
  { name: 'remote SOCKS, by SOCKS5', kind: 'remote', from: 'tcp', to: 'socks', socks: 5 },
  { name: 'remote SOCKS, by SOCKS4a', kind: 'remote', from: 'tcp', to: 'socks', socks: 4 },
]

/** Both servers, and for each case and server the door that leads to it. */
const servers = ['echo', 'talker'] as const
type Name = (typeof servers)[number]

const farewell = 'that is all'
const heardByTalker: Promise<Buffer>[] = []
const doors = new Map<string, Destination>()
const targets = new Map<string, TestServer>()

beforeAll(async () => {
  const folder = testFolder()
  for (const end of ends) {
    const where = (name: Name): Where => (end === 'unix' ? { path: folder.join(`${name}.sock`) } : {})
    targets.set(`echo ${end}`, await startEchoAfterEnd(where('echo')))
    targets.set(`talker ${end}`, await startServer(talk, where('talker')))
  }
  const forwards = await Promise.all(
    cases.flatMap((each, index) =>
      servers.map(async (name) => {
        const door = each.from === 'unix' ? folder.join(`${name}-${index}.sock`) : await freePort()
        doors.set(`${name} ${each.name}`, door)
        const to = each.to === 'socks' ? 'socks' : addressOf(targets.get(`${name} ${each.to}`)!)
        const isDynamic = each.kind === 'dynamic'
        return [`${name}-${index}`, { [each.kind]: door, ...(!isDynamic && { to }) }] as const
      }),
    ),
  )
  const cli = projectVia(await startSshd(), Object.fromEntries(forwards))
  await cli.up()
})

/** Ends what it says before it has heard anything. */
function talk(socket: Socket): void {
  heardByTalker.push(buffer(socket))
  socket.end(farewell)
}

function addressOf({ path, port }: TestServer): string {
  return path || `127.0.0.1:${port}`
}

describe.each(cases)('$name', ({ name, socks }) => {
  function openTo(server: Name): Promise<Socket> {
    const door = doors.get(`${server} ${name}`)!
    if (!socks) return open(door)
    const { port } = targets.get(`${server} tcp`)!
    return openBySocks(door as number, socks, { host: 'localhost', port })
  }

  test('200,000 bytes up, FIN, all 200,000 back', async () => {
    const sent = someBytes(200_000)
    const answer = await converse(await openTo('echo'), sent)
    expect(answer.equals(sent)).toBe(true)
  })

  test('a server that has said everything still hears all 200,000', async () => {
    const sent = someBytes(200_000)
    const socket = await openTo('talker')
    expect(String(await heard(socket))).toBe(farewell)
    socket.end(sent)
    const received = await eventually(() => heardByTalker.shift())
    expect(received.equals(sent)).toBe(true)
  })
})

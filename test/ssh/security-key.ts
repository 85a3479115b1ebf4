// A FIDO security key in software, behind an agent of its own: it signs as PROTOCOL.u2f wants, so that a real sshd
// lets it in, and counts what it was asked.

import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer } from 'node:net'
import { atEnd } from '../helpers/cleanup.ts'
import { testFolder } from '../helpers/folder.ts'
import { string, uint32 } from './hostile-server.ts'

export type SecurityKeyType = 'sk-ssh-ed25519@openssh.com' | 'sk-ecdsa-sha2-nistp256@openssh.com'

export interface SecurityKey {
  /** Of the agent. */
  socket: string
  /** As in authorized_keys. */
  line: string
  signatures(): number
  /** The next signatures wait until this is called: nobody touches the key. */
  hold(): () => void
}

const APPLICATION = 'ssh:'
const TOUCHED = 1

export async function startSecurityKey(type: SecurityKeyType): Promise<SecurityKey> {
  const { blob, privateKey } = makeKey(type)
  let signatures = 0
  let touched: Promise<void> = Promise.resolve()
  const answer = async (request: Buffer): Promise<Buffer> => {
    if (request[0] === 11)
      return Buffer.concat([Buffer.of(12), uint32(1), string(blob), string('in software')])
    if (request[0] !== 13) return Buffer.of(5)
    const data = fieldAt(request, 1 + 4 + request.readUInt32BE(1))
    signatures++
    await touched
    return Buffer.concat([Buffer.of(14), string(signature(type, privateKey, data, signatures))])
  }
  const socket = testFolder().join('agent')
  await listen(socket, answer)
  return {
    socket,
    line: `${type} ${blob.toString('base64')} in-software`,
    signatures: () => signatures,
    hold: () => {
      let touch = () => {}
      touched = new Promise((resolve) => {
        touch = resolve
      })
      return touch
    },
  }
}

function makeKey(type: SecurityKeyType): { blob: Buffer; privateKey: KeyObject } {
  if (type === 'sk-ssh-ed25519@openssh.com') {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const point = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')
    return { blob: Buffer.concat([type, point, APPLICATION].map(string)), privateKey }
  }
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')])
  return { blob: Buffer.concat([type, 'nistp256', point, APPLICATION].map(string)), privateKey }
}

/** What the key signs is hash(application) | flags | counter | hash(message). */
function signature(type: SecurityKeyType, key: KeyObject, message: Buffer, counter: number): Buffer {
  const hash = (data: string | Buffer) => createHash('sha256').update(data).digest()
  const state = Buffer.concat([Buffer.of(TOUCHED), uint32(counter)])
  const signed = Buffer.concat([hash(APPLICATION), state, hash(message)])
  if (type === 'sk-ssh-ed25519@openssh.com')
    return Buffer.concat([string(type), string(sign(null, signed, key)), state])
  const both = sign('sha256', signed, { key, dsaEncoding: 'ieee-p1363' })
  const parts = [both.subarray(0, 32), both.subarray(32)].map((half) => string(positive(half)))
  return Buffer.concat([string(type), string(Buffer.concat(parts)), state])
}

function positive(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0)
  const short = bytes.subarray(start)
  return short[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), short]) : short
}

function fieldAt(request: Buffer, at: number): Buffer {
  return request.subarray(at + 4, at + 4 + request.readUInt32BE(at))
}

async function listen(path: string, answer: (request: Buffer) => Promise<Buffer>): Promise<void> {
  const server = createServer((socket) => {
    let received = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', async (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4 || received.length < 4 + received.readUInt32BE()) return
      socket.write(string(await answer(received.subarray(4))))
      received = Buffer.alloc(0)
    })
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  atEnd(() => void server.close())
}

// Where the packets that we send are made: one piece of memory, used again as soon as the kernel has taken what is in
// it, and padding from random bytes that were fetched many at a time. ssh2 takes both anew for each packet: the garbage of
// an upload cost more than its encryption, and so did the padding.

import { randomFillSync } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import type { PacketCipher } from './internals/insides.ts'
import { cipherOf } from './internals/packets.ts'

/** A few packets of the largest size that OpenSSH takes, and no more than the processor keeps at hand. */
const MEMORY_BYTES = 256 * 1024

const RANDOM = Buffer.allocUnsafeSlow(8 * 1024)
let randomAt = RANDOM.length

/** RFC 4253 6: length (4 bytes), length of the padding (1), payload, padding, MAC. */
interface Layout {
  /** What the padding fills up. */
  block: number
  /** Bytes at the beginning that do not count for that. */
  apart: number
  mac: number
}

/** To be called when logged in; holds for all keys to come. A cipher that wants packets of another shape makes them itself. */
export function reusePacketMemory(client: Client, stream: Duplex): void {
  const memory = new PacketMemory(stream)
  const install = () => {
    const cipher = cipherOf(client)
    const layout = cipher && layoutOf(cipher)
    if (layout) cipher.allocPacket = (bytes) => memory.packet(bytes, layout)
  }
  install()
  client.on('handshake', install)
}

class PacketMemory {
  readonly #stream: Duplex
  #memory = Buffer.alloc(0)
  #used = 0

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  packet(payloadBytes: number, layout: Layout): Buffer {
    const padding = paddingOf(payloadBytes, layout)
    const packet = this.#take(5 + payloadBytes + padding + layout.mac)
    packet.writeUInt32BE(1 + payloadBytes + padding, 0)
    packet[4] = padding
    fillRandom(packet, 5 + payloadBytes, padding)
    return packet
  }

  /** What is not written yet stays where it is, and belongs to the stream. */
  #take(bytes: number): Buffer {
    if (this.#stream.writableLength === 0) this.#used = 0
    if (this.#used + bytes > this.#memory.length) {
      this.#memory = Buffer.allocUnsafeSlow(Math.max(bytes, MEMORY_BYTES))
      this.#used = 0
    }
    const begin = this.#used
    this.#used += bytes
    return this.#memory.subarray(begin, this.#used)
  }
}

/** At least 4, and to a whole number of blocks. */
function paddingOf(payloadBytes: number, { block, apart }: Layout): number {
  const padding = block - ((5 + payloadBytes - apart) % block)
  return padding < 4 ? padding + block : padding
}

function fillRandom(packet: Buffer, at: number, bytes: number): void {
  if (randomAt + bytes > RANDOM.length) {
    randomFillSync(RANDOM)
    randomAt = 0
  }
  for (let index = 0; index < bytes; index++) packet[at + index] = RANDOM[randomAt + index]!
  randomAt += bytes
}

/** Found out by looking at what the cipher itself makes; null where that follows no rule that we know. */
function layoutOf(cipher: PacketCipher): Layout | null {
  const samples = Array.from({ length: 33 }, (_, bytes) => ({ bytes, packet: cipher.allocPacket(bytes) }))
  const first = samples[0]!.packet
  const mac = first.length - 4 - first.readUInt32BE(0)
  const layouts = [8, 16].flatMap((block) => [0, 4].map((apart) => ({ block, apart, mac })))
  const isRight = (layout: Layout) =>
    samples.every(({ bytes, packet }) => {
      const padding = paddingOf(bytes, layout)
      const length = 1 + bytes + padding
      return packet[4] === padding && packet.readUInt32BE(0) === length && packet.length === 4 + length + mac
    })
  return layouts.find(isRight) ?? null
}

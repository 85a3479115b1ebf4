// The binary form of keys, signatures and agent messages: length-prefixed strings and big-endian numbers, RFC 4251,
// section 5. What the fields mean is left to who reads them.

/** Reads field after field; throws a RangeError where the blob ends too early. */
export class BlobReader {
  readonly #blob: Buffer
  #at = 0

  constructor(blob: Buffer) {
    this.#blob = blob
  }

  /** A view of the blob, not a copy. */
  string(): Buffer {
    const length = this.uint32()
    return this.#take(length)
  }

  text(): string {
    return this.string().toString('utf8')
  }

  uint32(): number {
    return this.#take(4).readUInt32BE()
  }

  uint64(): bigint {
    return this.#take(8).readBigUInt64BE()
  }

  byte(): number {
    return this.#take(1)[0]!
  }

  /** Where the next field begins. */
  get position(): number {
    return this.#at
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#blob.length) throw new RangeError('cut')
    const part = this.#blob.subarray(this.#at, end)
    this.#at = end
    return part
  }
}

/** With its length in front. */
export function blobString(content: Buffer | string): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([uint32(bytes.length), bytes])
}

/** A number without a sign, given as big-endian bytes: the shortest form that reads as positive. */
export function mpint(bytes: Buffer): Buffer {
  let start = 0
  while (start < bytes.length && bytes[start] === 0) start++
  const short = bytes.subarray(start)
  return blobString(short.length > 0 && short[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), short]) : short)
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Of a number without a sign, given as big-endian bytes. */
export function bitLength(bytes: Buffer): number {
  const start = bytes.findIndex((byte) => byte !== 0)
  return start === -1 ? 0 : (bytes.length - start) * 8 - (Math.clz32(bytes[start]!) - 24)
}

// An agent, in ssh2's sense, that holds one key: so each attempt is ours to choose and to count, and ssh2 asks for a
// signature only after the server has said that it would take the key.

import ssh2, { type ParsedKey, type SigningRequestOptions } from 'ssh2'
import { BlobReader } from './blob.ts'

type Sign = (data: Buffer, algorithm: string) => Promise<Buffer>
type Done = (error?: Error | null, signature?: Buffer) => void

/** `standIn`: what the key is to ssh2. `sign` gives the whole signature blob for the algorithm that was offered. */
export class OneKeyAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #standIn: ParsedKey
  readonly #sign: Sign

  constructor(standIn: unknown, sign: Sign) {
    super()
    this.#standIn = standIn as ParsedKey
    this.#sign = sign
  }

  override getIdentities(callback: (error: undefined, keys: ParsedKey[]) => void): void {
    callback(undefined, [this.#standIn])
  }

  override sign(
    _key: ParsedKey,
    data: Buffer,
    _options: SigningRequestOptions | Done,
    callback: Done = () => {},
  ): void {
    this.#sign(data, offeredAlgorithm(data)).then(
      (signature) => callback(null, signature),
      (error: Error) => callback(error),
    )
  }
}

/** In what is signed: RFC 4252, section 7. */
function offeredAlgorithm(data: Buffer): string {
  const reader = new BlobReader(data)
  reader.string()
  reader.byte()
  for (let name = 0; name < 3; name++) reader.string()
  reader.byte()
  return reader.text()
}

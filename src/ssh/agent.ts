// The ssh-agent at a socket (draft-ietf-sshm-ssh-agent): which keys it holds, and signatures by them. Spoken here and
// not by ssh2, which drops certificates and hardware keys. All of it is bounded; a silent agent is a note, never a failure.

import { createConnection } from 'node:net'
import { BlobReader, blobString, uint32 } from './blob.ts'
import { type PublicKey, publicKeyOf } from './public-key.ts'

export interface AgentKeys {
  keys: PublicKey[]
  /** Why there are none. */
  note: string | null
}

/** Never rejects; an agent that answers later than that is as good as none. */
export async function listAgentKeys(socketPath: string, timeoutMs: number): Promise<AgentKeys> {
  try {
    const answer = await ask(socketPath, Buffer.of(REQUEST_IDENTITIES), AbortSignal.timeout(timeoutMs))
    return { keys: readIdentities(answer), note: null }
  } catch {
    return { keys: [], note: `The agent at ${socketPath} does not answer.` }
  }
}

/**
 * The whole signature blob. `algorithm` is what it has to be (an agent may need telling, and may not listen).
 * Rejects when the agent refuses or `signal` fires.
 */
export async function signWithAgent(
  socketPath: string,
  blob: Buffer,
  data: Buffer,
  algorithm: string,
  signal: AbortSignal,
): Promise<Buffer> {
  const request = [Buffer.of(SIGN_REQUEST), blobString(blob), blobString(data), uint32(flagsFor(algorithm))]
  const reader = new BlobReader(await ask(socketPath, Buffer.concat(request), signal))
  if (reader.byte() !== SIGN_RESPONSE) throw new Error('the agent refused')
  const signature = reader.string()
  if (new BlobReader(signature).text() !== algorithm) throw new Error('the agent signed in another way')
  return signature
}

const REQUEST_IDENTITIES = 11
const IDENTITIES_ANSWER = 12
const SIGN_REQUEST = 13
const SIGN_RESPONSE = 14

/** As OpenSSH's authfd.c. */
const LONGEST_ANSWER = 256 * 1024
const MOST_KEYS = 2048

function flagsFor(algorithm: string): number {
  if (algorithm === 'rsa-sha2-256') return 2
  return algorithm === 'rsa-sha2-512' ? 4 : 0
}

function readIdentities(answer: Buffer): PublicKey[] {
  const reader = new BlobReader(answer)
  const kind = reader.byte()
  const count = reader.uint32()
  if (kind !== IDENTITIES_ANSWER || count > MOST_KEYS) throw new RangeError('no list of keys')
  const keys = Array.from({ length: count }, () => publicKeyOf(reader.string(), reader.text()))
  return keys.filter((key) => key !== null)
}

/** One request and its answer, over a connection of its own. */
function ask(socketPath: string, request: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const socket = createConnection(socketPath, () => socket.write(blobString(request)))
    let answer = Buffer.alloc(0)
    const abort = () => finish(() => reject(signal.reason))
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', abort)
      socket.destroy()
      settle()
    }
    signal.addEventListener('abort', abort, { once: true })
    socket.on('error', (error) => finish(() => reject(error)))
    socket.on('close', () => finish(() => reject(new Error('the agent hung up'))))
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk])
      if (answer.length < 4) return
      const length = answer.readUInt32BE()
      if (length > LONGEST_ANSWER) return finish(() => reject(new Error('too long an answer')))
      if (answer.length >= 4 + length) finish(() => resolve(answer.subarray(4, 4 + length)))
    })
  })
}

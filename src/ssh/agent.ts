// The ssh-agent at a socket (draft-ietf-sshm-ssh-agent): which keys it holds, and signatures by them. Spoken here and
// not by ssh2, which drops certificates and hardware keys. All of it is bounded; a silent agent is a note, never a failure.

import { createConnection } from 'node:net'
import { BlobReader, blobString, uint32 } from './blob.ts'
import type { SessionProof } from './internals/key-exchange.ts'
import { type PublicKey, publicKeyOf } from './public-key.ts'

export interface AgentKeys {
  keys: PublicKey[]
  /** Why there are none. */
  note: string | null
}

/** Never rejects; an agent that answers later than that is as good as none. */
export async function listAgentKeys(socketPath: string, timeoutMs: number): Promise<AgentKeys> {
  try {
    const [answer] = await ask(socketPath, [Buffer.of(REQUEST_IDENTITIES)], AbortSignal.timeout(timeoutMs))
    return { keys: readIdentities(answer!), note: null }
  } catch {
    return { keys: [], note: `The agent at ${socketPath} does not answer.` }
  }
}

/** It has been asked, and will not. */
export class AgentRefusal extends Error {}

export interface AgentSigning {
  /** The public key. */
  blob: Buffer
  data: Buffer
  /** What the signature has to be (an agent may need telling, and may not listen). */
  algorithm: string
  /** Whom it is for, without which nothing is signed with keys of `ssh-add -h`; null: not known. */
  session: SessionProof | null
}

/** The whole signature blob. Rejects when the agent refuses (AgentRefusal), fails, or `signal` fires. */
export async function signWithAgent(
  socketPath: string,
  { blob, data, algorithm, session }: AgentSigning,
  signal: AbortSignal,
): Promise<Buffer> {
  const request = [Buffer.of(SIGN_REQUEST), blobString(blob), blobString(data), uint32(flagsFor(algorithm))]
  const requests = [...(session ? [bindRequest(session)] : []), Buffer.concat(request)]
  const reader = new BlobReader((await ask(socketPath, requests, signal)).at(-1)!)
  if (reader.byte() !== SIGN_RESPONSE) throw new AgentRefusal('the agent refused')
  const signature = reader.string()
  if (new BlobReader(signature).text() !== algorithm) throw new Error('the agent signed in another way')
  return signature
}

/** PROTOCOL.agent of OpenSSH, 1. Agents that do not know it say no, which does not matter. */
function bindRequest({ hostKey, sessionId, signature }: SessionProof): Buffer {
  const isForwarding = Buffer.of(0)
  const fields = ['session-bind@openssh.com', hostKey, sessionId, signature].map(blobString)
  return Buffer.concat([Buffer.of(EXTENSION), ...fields, isForwarding])
}

const REQUEST_IDENTITIES = 11
const IDENTITIES_ANSWER = 12
const SIGN_REQUEST = 13
const SIGN_RESPONSE = 14
const EXTENSION = 27

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

/** Requests, one after the other over a connection of its own, and the answer to each. */
function ask(socketPath: string, requests: readonly Buffer[], signal: AbortSignal): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const answers: Buffer[] = []
    let received = Buffer.alloc(0)
    const send = () => socket.write(blobString(requests[answers.length]!))
    const socket = createConnection(socketPath, send)
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
      received = Buffer.concat([received, chunk])
      if (received.length < 4) return
      const length = received.readUInt32BE()
      if (length > LONGEST_ANSWER) return finish(() => reject(new Error('too long an answer')))
      if (received.length < 4 + length) return
      answers.push(received.subarray(4, 4 + length))
      received = received.subarray(4 + length)
      if (answers.length === requests.length) finish(() => resolve(answers))
      else send()
    })
  })
}

// The ssh-agent at a socket: which keys it holds, and signatures by them, each bounded in time. A silent or
// missing agent is a note, never a failure, as with ssh.

import type { Duplex } from 'node:stream'
import ssh2, { type ParsedKey } from 'ssh2'

/** A hash that an RSA signature may use; null for other keys. */
export type SignatureHash = 'sha256' | 'sha512' | null

export interface AgentKeys {
  keys: ParsedKey[]
  /** Why there are none. */
  note: string | null
}

/** Never rejects; an agent that answers later than that is as good as none. Keys of kinds that ssh2 cannot read (certificates, hardware) are left out. */
export async function listAgentKeys(socketPath: string, timeoutMs: number): Promise<AgentKeys> {
  const agent = new BoundedAgent(socketPath, AbortSignal.timeout(timeoutMs))
  try {
    return { keys: await agent.list(), note: null }
  } catch {
    return { keys: [], note: `The agent at ${socketPath} does not answer.` }
  }
}

/** The signature as the agent made it, without its algorithm. Rejects when the agent refuses or `signal` fires. */
export function signWithAgent(
  socketPath: string,
  key: ParsedKey,
  data: Buffer,
  hash: SignatureHash,
  signal: AbortSignal,
): Promise<Buffer> {
  return new BoundedAgent(socketPath, signal).signature(key, data, hash)
}

/** ssh2's agent client has no way to give up: this one takes its socket away. */
class BoundedAgent extends ssh2.OpenSSHAgent {
  #signal: AbortSignal

  constructor(socketPath: string, signal: AbortSignal) {
    super(socketPath)
    this.#signal = signal
  }

  override getStream(callback: (error?: Error | null, stream?: Duplex) => void): void {
    super.getStream((error, stream) => {
      const close = () => stream?.destroy()
      if (this.#signal.aborted) close()
      this.#signal.addEventListener('abort', close, { once: true })
      stream?.once('close', () => this.#signal.removeEventListener('abort', close))
      callback(error as Error | null, stream as Duplex)
    })
  }

  list(): Promise<ParsedKey[]> {
    return this.#bounded((done) =>
      this.getIdentities((error, keys) => done(error, (keys ?? []) as ParsedKey[])),
    )
  }

  signature(key: ParsedKey, data: Buffer, hash: SignatureHash): Promise<Buffer> {
    const options = hash === null ? {} : { hash }
    return this.#bounded((done) =>
      this.sign(key, data, options, (error, signature) => done(error, signature as Buffer)),
    )
  }

  #bounded<T>(start: (done: (error: unknown, value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(this.#signal.reason)
      if (this.#signal.aborted) return giveUp()
      this.#signal.addEventListener('abort', giveUp, { once: true })
      start((error, value) => {
        this.#signal.removeEventListener('abort', giveUp)
        if (error) reject(error)
        else resolve(value)
      })
    })
  }
}

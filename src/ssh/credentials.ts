// Which keys are offered to a host, and in which order: that of ssh_config(5), IdentityFile, IdentitiesOnly and
// IdentityAgent. Found out before connecting; offering them is auth.ts's.

import type { ParsedKey } from 'ssh2'
import type { WantedHost } from '../model/wanted.ts'
import { type AgentKeys, listAgentKeys, type SignatureHash, signWithAgent } from './agent.ts'
import { userKeyAlgorithms } from './algorithms.ts'
import { type KeyFile, loadKeyFiles } from './identity.ts'

/** A stuck agent must leave time for the rest. */
const AGENT_TIMEOUT_MS = 3_000

/** Something that can be offered. `sign` rejects with a sentence for a person. */
export interface Identity {
  publicKey: ParsedKey
  /** Where it comes from: a path, or `agent: comment`. */
  from: string
  /** Signing needs a passphrase. */
  encrypted: boolean
  sign(data: Buffer, hash: SignatureHash): Promise<Buffer>
}

/** What one attempt may offer, found out before connecting. */
export interface Credentials {
  identities: Identity[]
  /** Files whose public key only a passphrase would show: they cannot even be offered. */
  locked: string[]
  /** What a person should know when it fails: missing files, silent agents. */
  notes: string[]
  /** Signature algorithms that may be used. */
  algorithms: string[]
}

/** Reads key files and asks the agent, once. `signal` ends signatures still waited for. Throws a ProblemError for pubkey_accepted_algorithms that leave nothing. */
export async function loadCredentials(host: WantedHost, signal: AbortSignal): Promise<Credentials> {
  const algorithms = userKeyAlgorithms(host)
  const none: AgentKeys = { keys: [], note: null }
  const [{ files, notes }, agent] = await Promise.all([
    loadKeyFiles(host),
    host.agent === null
      ? none
      : listAgentKeys(host.agent, Math.min(AGENT_TIMEOUT_MS, host.connectTimeoutMs / 3)),
  ])
  const held = agent.keys.map((key) => agentIdentity(host.agent!, key, signal))
  const identities = orderIdentities(held, files, host.identitiesOnly)
  return {
    identities: identities.filter(({ publicKey }) => isAccepted(publicKey, algorithms)),
    locked: files.filter((file) => file.encrypted && !file.publicKey).map((file) => file.path),
    notes: [...notes, ...files.flatMap((file) => file.note ?? []), ...(agent.note ? [agent.note] : [])],
    algorithms,
  }
}

/** Keys of the agent that are in the identity files, then its others, then files that can be used without it. */
export function orderIdentities(held: Identity[], files: KeyFile[], identitiesOnly: boolean): Identity[] {
  const named = (identity: Identity) => files.some((file) => isSameKey(file.publicKey, identity.publicKey))
  const alone = files.flatMap(fileIdentity)
  const inAgent = (identity: Identity) => held.some((other) => isSameKey(other.publicKey, identity.publicKey))
  return [
    ...held.filter(named),
    ...(identitiesOnly ? [] : held.filter((identity) => !named(identity))),
    ...alone.filter((identity) => !inAgent(identity)),
  ]
}

function agentIdentity(socketPath: string, publicKey: ParsedKey, signal: AbortSignal): Identity {
  return {
    publicKey,
    from: `agent: ${publicKey.comment || 'no comment'}`,
    encrypted: false,
    sign: (data, hash) => signWithAgent(socketPath, publicKey, data, hash, signal),
  }
}

/** None when the file is of use only together with an agent. */
function fileIdentity({ path, publicKey, privateKey, encrypted }: KeyFile): Identity[] {
  if (!publicKey || (!privateKey && !encrypted)) return []
  const sign = async (data: Buffer, hash: SignatureHash): Promise<Buffer> => {
    const signature = privateKey?.sign(data, hash ?? undefined)
    if (!Buffer.isBuffer(signature)) throw new Error(`${path} cannot sign`)
    return signature
  }
  return [{ publicKey, from: path, encrypted: !privateKey, sign }]
}

function isSameKey(a: ParsedKey | null, b: ParsedKey): boolean {
  return a?.getPublicSSH().equals(b.getPublicSSH()) ?? false
}

function isAccepted(key: ParsedKey, algorithms: string[]): boolean {
  if (key.type === 'ssh-rsa') return algorithms.some((name) => name.startsWith('rsa-'))
  return algorithms.includes(key.type)
}

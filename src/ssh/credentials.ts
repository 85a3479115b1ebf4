// Which keys are offered to a host, and in which order: that of ssh (sshconnect2.c, pubkey_prepare), from
// CertificateFile, IdentityFile, IdentitiesOnly and IdentityAgent. Found out before connecting; offering is auth.ts's.

import { ProblemError } from '../model/problem.ts'
import type { Ask } from '../model/prompt.ts'
import type { WantedHost } from '../model/wanted.ts'
import { type AgentKeys, AgentRefusal, listAgentKeys, signWithAgent } from './agent.ts'
import { userKeyAlgorithms } from './algorithms.ts'
import { agentRefusalProblem } from './auth-problem.ts'
import { type KeyFile, type KeyFiles, loadKeyFiles } from './identity.ts'
import type { SessionProof } from './internals/key-exchange.ts'
import { printable } from './printable.ts'
import { publicHalfOf, signWithKey } from './private-key.ts'
import { isOfKnownKind, type PublicKey } from './public-key.ts'
import { unlock } from './unlock.ts'

/** A stuck agent must leave time for the rest. */
const AGENT_TIMEOUT_MS = 3_000

/** Something that can be offered. Its promises reject with a ProblemError where that says more than that it did not sign. */
export interface Identity {
  /** Null: only a passphrase shows it. */
  publicKey: PublicKey | null
  /** Where it comes from: a path, or `agent: comment`. */
  from: string
  /** Its signature may be somebody's doing: a finger on a security key, a click. */
  isInAgent: boolean
  /** For one that is not known: asks for the passphrase. */
  reveal(): Promise<PublicKey | null>
  /** The whole signature blob, by an algorithm without `cert` in its name. */
  sign(data: Buffer, algorithm: string, session: SessionProof | null): Promise<Buffer>
}

/** What one attempt may offer, found out before connecting. */
export interface Credentials {
  identities: Identity[]
  /** What a person should know when it fails: missing files, silent agents. */
  notes: string[]
  /** Signature algorithms that may be used, certificates' among them. */
  algorithms: string[]
}

export interface CredentialOptions {
  /** Absent: nobody is there to say a passphrase. */
  ask?: Ask | undefined
  /** Ends what is still waited for. */
  signal: AbortSignal
}

/** Reads key files and asks the agent, once. Throws a ProblemError for pubkey_accepted_algorithms that leave nothing. */
export async function loadCredentials(host: WantedHost, options: CredentialOptions): Promise<Credentials> {
  const algorithms = userKeyAlgorithms(host)
  const none: AgentKeys = { keys: [], note: null }
  const [files, agent] = await Promise.all([
    loadKeyFiles(host),
    host.agent === null
      ? none
      : listAgentKeys(host.agent, Math.min(AGENT_TIMEOUT_MS, host.connectTimeoutMs / 2)),
  ])
  const all = orderIdentities(agent.keys, files, host, options)
  const identities = all.filter(({ publicKey }) => isAccepted(publicKey, algorithms))
  const notes = [
    ...files.notes,
    ...files.files.flatMap((file) => file.note ?? []),
    ...all.flatMap(ofNoUse),
    ...identities.flatMap(outOfDate),
  ]
  return { identities, notes: agent.note ? [...notes, agent.note] : notes, algorithms }
}

/**
 * Certificates that were named; keys of the agent that are in the identity files; its others; then files that can be
 * used without it, each with the certificate beside it.
 */
function orderIdentities(
  held: PublicKey[],
  { files, certificates }: KeyFiles,
  host: WantedHost,
  options: CredentialOptions,
): Identity[] {
  const inAgent = held.map((key) => agentIdentity(host, key, options.signal))
  const inFiles = files.map((file) => ({ file, own: fileIdentity(file, host, options) }))
  const signers = [...inAgent, ...inFiles.flatMap(({ own }) => own)]
  const fromFiles = inFiles.flatMap(({ file, own }) => [...own, ...besideOf(file, host, signers, own)])
  const named = [...files, ...fromFiles].flatMap(({ publicKey }) => publicKey ?? [])
  const isNamed = ({ publicKey }: Identity) => named.some((key) => isSameKey(key, publicKey))
  const inOrder = [
    ...certificates.flatMap((certificate) => certified(certificate, signers)),
    ...inAgent.filter(isNamed),
    ...(host.identitiesOnly ? [] : inAgent.filter((identity) => !isNamed(identity))),
    ...fromFiles,
  ]
  return inOrder.filter((identity, index) => isFirst(identity, index, inOrder))
}

function agentIdentity(host: WantedHost, publicKey: PublicKey, signal: AbortSignal): Identity {
  const identity: Identity = {
    publicKey,
    from: `agent: ${printable(publicKey.comment) || 'no comment'}`,
    isInAgent: true,
    reveal: async () => publicKey,
    sign: (data, algorithm, session) =>
      signWithAgent(host.agent!, { blob: publicKey.blob, data, algorithm, session }, signal).catch(
        (error) => {
          signal.throwIfAborted()
          throw error instanceof AgentRefusal ? new ProblemError(agentRefusalProblem(host, identity)) : error
        },
      ),
  }
  return identity
}

/** None when the file is of use only together with an agent. */
function fileIdentity(file: KeyFile, host: WantedHost, options: CredentialOptions): Identity[] {
  const { path, publicKey, privateKey, locked } = file
  if (!privateKey && locked === null) return []
  const open = async () => privateKey ?? unlock({ path, text: locked! }, host, options)
  return [
    {
      publicKey,
      from: path,
      isInAgent: false,
      reveal: async () => publicHalfOf(await open()),
      sign: async (data, algorithm) => signWithKey(await open(), data, algorithm),
    },
  ]
}

/** ssh takes `PATH-cert.pub` unless CertificateFile names others. A key that only a passphrase shows is taken for its. */
function besideOf(
  { certificate }: KeyFile,
  { certificateFiles }: WantedHost,
  signers: Identity[],
  own: Identity[],
): Identity[] {
  if (!certificate?.certificate || certificateFiles.length > 0) return []
  const hidden = own.filter(({ publicKey }) => publicKey === null)
  return certified(certificate, signers, hidden)
}

/** A certificate with whoever holds its key; the agent may also hold the two as one. None: nobody can sign. */
function certified(publicKey: PublicKey, signers: Identity[], otherwise: Identity[] = []): Identity[] {
  const { certificate } = publicKey
  if (!certificate?.isForUsers) return []
  const holdsKey = (signer: Identity) => signer.publicKey?.blob.equals(certificate.plainBlob) ?? false
  const holdsBoth = (signer: Identity) => isSameKey(publicKey, signer.publicKey)
  const signer = signers.find(holdsKey) ?? signers.find(holdsBoth) ?? otherwise[0]
  if (!signer) return []
  return [{ ...signer, publicKey, from: `${signer.from}, certificate ${printable(certificate.keyId, 60)}` }]
}

function isSameKey(a: PublicKey, b: PublicKey | null): boolean {
  return b !== null && a.blob.equals(b.blob)
}

function isFirst({ publicKey }: Identity, index: number, all: Identity[]): boolean {
  return publicKey === null || all.findIndex((other) => isSameKey(publicKey, other.publicKey)) === index
}

/** An unknown one is known by the time it is offered. */
function isAccepted(publicKey: PublicKey | null, algorithms: string[]): boolean {
  return publicKey === null || algorithmsOf(publicKey, algorithms).length > 0
}

/** How a key may sign, best first; for RSA there is more than one name, and none of them is its type (RFC 8332). */
export function algorithmsOf({ type }: PublicKey, allowed: string[]): string[] {
  if (type === 'ssh-rsa') return allowed.filter((name) => /^rsa-sha2-\d+$/.test(name))
  if (type.startsWith('ssh-rsa-cert')) return allowed.filter((name) => /^rsa-sha2-\d+-cert/.test(name))
  return allowed.filter((name) => name === type)
}

/** A key that ssh would not offer either, or that is of somebody's own kind. */
function ofNoUse({ publicKey, from }: Identity): string[] {
  if (!publicKey || isOfKnownKind(publicKey)) return []
  return [`${from} is a key of the kind ${publicKey.type}, which nothing here offers.`]
}

/** The last that a Date can hold; a certificate may name any number of seconds. */
const LAST_SECOND = 8_640_000_000_000n

/** What a server that refuses a certificate will not say. */
function outOfDate({ publicKey }: Identity): string[] {
  const { certificate } = publicKey ?? {}
  if (!certificate) return []
  const now = BigInt(Math.floor(Date.now() / 1000))
  const day = (seconds: bigint) =>
    seconds > LAST_SECOND ? 'a day that no calendar has' : new Date(Number(seconds) * 1000).toISOString()
  const name = `The certificate ${printable(certificate.keyId, 60)}`
  if (certificate.validBefore <= now) return [`${name} was valid until ${day(certificate.validBefore)}.`]
  return certificate.validAfter > now ? [`${name} is valid from ${day(certificate.validAfter)}.`] : []
}

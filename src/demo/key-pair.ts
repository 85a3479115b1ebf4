// An ed25519 key that lives as long as the demo, in the form that ssh(1) keeps in ~/.ssh.

import { createHash } from 'node:crypto'
import ssh2 from 'ssh2'

export interface KeyPair {
  /** The private key file's text: openssh-key-v1, no passphrase. */
  privateKey: string
  /** One line, `ssh-ed25519 AAAA…`, as in authorized_keys. */
  publicKey: string
  /** `SHA256:…`, as `ssh-keygen -l` prints it. */
  fingerprint: string
}

/** Made by ssh2, of whose ed25519 keys four in a thousand cannot be read back: those are made again. */
export function makeKeyPair(): KeyPair {
  const { private: privateKey, public: publicKey } = ssh2.utils.generateKeyPairSync('ed25519')
  const parsed = ssh2.utils.parseKey(publicKey)
  if (parsed instanceof Error || !isUsable(privateKey, parsed)) return makeKeyPair()
  return { privateKey, publicKey, fingerprint: formatFingerprint(parsed.getPublicSSH()) }
}

function isUsable(privateKey: string, publicKey: ssh2.ParsedKey): boolean {
  const parsed = ssh2.utils.parseKey(privateKey)
  if (parsed instanceof Error) return false
  const probe = Buffer.from('does this key fit that one')
  const signature: unknown = parsed.sign(probe)
  return Buffer.isBuffer(signature) && publicKey.verify(probe, signature) === true
}

function formatFingerprint(publicKey: Buffer): string {
  return `SHA256:${createHash('sha256').update(publicKey).digest('base64').replace(/=+$/, '')}`
}

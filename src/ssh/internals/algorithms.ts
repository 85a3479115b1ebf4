// The algorithms of this ssh2, as it lists them for itself.

import { listOf, readModule } from './insides.ts'

export interface SupportedAlgorithms {
  kex: string[]
  serverHostKey: string[]
  cipher: string[]
  hmac: string[]
}

/** What this ssh2 can do here (it depends on Node's OpenSSL), best first; `defaults` leaves out the old ones. */
export function algorithmsOfSsh2(): { supported: SupportedAlgorithms; defaults: SupportedAlgorithms } {
  const constants = readModule('ssh2/lib/protocol/constants.js')
  const lists = (prefix: string): SupportedAlgorithms => ({
    kex: listOf(constants[`${prefix}_KEX`]) ?? FALLBACK.kex,
    serverHostKey: listOf(constants[`${prefix}_SERVER_HOST_KEY`]) ?? FALLBACK.serverHostKey,
    cipher: listOf(constants[`${prefix}_CIPHER`]) ?? FALLBACK.cipher,
    hmac: listOf(constants[`${prefix}_MAC`]) ?? FALLBACK.hmac,
  })
  return { supported: lists('SUPPORTED'), defaults: lists('DEFAULT') }
}

const FALLBACK: SupportedAlgorithms = {
  kex: [
    'curve25519-sha256@libssh.org',
    'curve25519-sha256',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group-exchange-sha256',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
  ],
  serverHostKey: [
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-512',
    'rsa-sha2-256',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes192-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
}

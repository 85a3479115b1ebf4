// User keys, agents that hold them, and a person who answers, for the tests of logins.

import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Ask, Question } from '../../src/model/prompt.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import type { Sshd } from '../helpers/sshd.ts'

const run = promisify(execFile)

export interface Key {
  path: string
  /** As in authorized_keys. */
  line: string
  fingerprint: string
}

export interface KeyOptions {
  type?: string
  bits?: number
  passphrase?: string
  /** Of `ssh-keygen -m`; default: OpenSSH's own. */
  format?: 'RFC4716' | 'PEM' | 'PKCS8'
}

/** A key pair in a folder of its own, private key and `.pub`. */
export async function newKey(options: KeyOptions = {}): Promise<Key> {
  const { type = 'ed25519', bits = type === 'rsa' ? 2048 : undefined, passphrase = '', format } = options
  const path = testFolder().join('id')
  const size = bits === undefined ? [] : ['-b', String(bits)]
  await run('ssh-keygen', ['-q', '-t', type, ...size, '-N', passphrase, '-C', 'tunnels-test', '-f', path])
  if (format)
    await run('ssh-keygen', ['-p', '-q', '-m', format, '-P', passphrase, '-N', passphrase, '-f', path])
  const line = readFileSync(`${path}.pub`, 'utf8').trim()
  return { path, line, fingerprint: await fingerprintOf(`${path}.pub`) }
}

export async function fingerprintOf(file: string): Promise<string> {
  return (await run('ssh-keygen', ['-lf', file])).stdout.split(' ')[1]!
}

/** Holds the keys in this order, each added with the words that ssh-add(1) takes before it; ended after the test. */
export async function startAgent(...keys: (Pick<Key, 'path'> & { words?: string[] })[]): Promise<string> {
  const socket = join(testFolder().path, 'agent')
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  atEnd(() => void child.kill())
  const env = { ...process.env, SSH_AUTH_SOCK: socket }
  // The file is there a moment before anybody listens on it; 2 is ssh-add's word for that.
  await eventually(() => spawnSync('ssh-add', ['-l'], { env }).status !== 2)
  for (const { path, words = [] } of keys) execFileSync('ssh-add', ['-q', ...words, path], { env })
  return socket
}

/** Signs the key's public half for the account; OpenSSH's `PATH-cert.pub`. */
export async function certify(authority: Key, key: Key, user: string, ...more: string[]): Promise<string> {
  await run('ssh-keygen', ['-q', '-s', authority.path, '-I', 'mine', '-n', user, ...more, `${key.path}.pub`])
  return `${key.path}-cert.pub`
}

export function fingerprints(text = ''): string[] {
  return text.match(/SHA256:[A-Za-z0-9+/]{43}/g) ?? []
}

/** In a problem's detail, as `askSsh` names what ssh offers. */
export function offeredIn(detail = ''): string[] {
  return [...detail.matchAll(/(-cert-v01\S+)? (SHA256:[A-Za-z0-9+/]{43})/g)].map(
    ([, certificate, fingerprint]) => `${fingerprint}${certificate ? '+' : ''}`,
  )
}

export interface SshOutcome {
  gotIn: boolean
  /** Fingerprints, in the order in which it offered them, each once; those of certificates with `+`. */
  offered: string[]
}

/** What ssh itself does with the same, for comparison. */
export async function askSsh(server: Sshd, options: string[]): Promise<SshOutcome> {
  const all = [`UserKnownHostsFile=${server.knownHostsFile}`, 'BatchMode=yes', ...options]
  const words = all.flatMap((option) => ['-o', option])
  const child = spawn('ssh', ['-v', '-F', 'none', ...words, '-p', String(server.port), '127.0.0.1', 'true'])
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const status = await new Promise((resolve) => child.once('close', resolve))
  const offers = said.split('\n').filter((line) => line.includes('Offering public key'))
  const named = offers.map((line) => `${fingerprints(line)[0]}${/-CERT SHA256:/.test(line) ? '+' : ''}`)
  return { gotIn: status === 0, offered: [...new Set(named)] }
}

export interface Person {
  ask: Ask
  /** What was asked, in order. */
  asked: Question[]
}

/** Gives these in turn, and then nothing. */
export function personWho(...answers: string[][]): Person {
  const asked: Question[] = []
  const left = [...answers]
  return {
    asked,
    ask: async (question) => {
      asked.push(question)
      return left.shift() ?? null
    },
  }
}

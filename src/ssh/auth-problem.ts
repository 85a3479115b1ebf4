// What a person reads when a server did not let us in: which methods it takes, which keys were tried, what is missing.

import type { Problem } from '../model/problem.ts'
import { formatEndpoint, type WantedHost } from '../model/wanted.ts'
import type { Identity } from './credentials.ts'
import { howToSet } from './host-in-file.ts'
import { keyFingerprint, type PublicKey } from './public-key.ts'

export interface Refusal {
  host: WantedHost
  /** What the server said it takes, last. */
  methods: string[]
  /** Keys, in their order. */
  tried: string[]
  /** What else was tried, a sentence each. */
  told: string[]
  /** Steps that the server took, before it wanted another. */
  passed: string[]
  notes: string[]
  /** What only a person could have said. */
  needs: string[]
  /** `wasWanted`: the server would have taken it. */
  keyProblem: { problem: Problem; wasWanted: boolean } | null
  /** Nothing goes on before somebody has set a new one. */
  isPasswordExpired: boolean
  /** The password of password_env was sent, and refused. */
  isVariableRefused: boolean
  /** The server's own last word. */
  said: string | null
}

export function authProblem(refusal: Refusal): Problem {
  const { keyProblem, needs, tried } = refusal
  const detail = detailOf(refusal)
  if (keyProblem?.wasWanted) return withDetail(keyProblem.problem, detail)
  if (needs.length > 0 && !isKeyRefused(refusal)) return needsProblem(refusal, detail)
  if (keyProblem && (tried.length === 0 || keyProblem.problem.code === 'AUTH_FAILED'))
    return withDetail(keyProblem.problem, detail)
  return { code: 'AUTH_FAILED', summary: summaryOf(refusal), detail, hint: hintFor(refusal) }
}

/**
 * Nearly every server would also take a password: a key that it refuses is still a refused key, and not somebody
 * missing at a terminal.
 */
function isKeyRefused({ tried, passed, isPasswordExpired }: Refusal): boolean {
  return tried.length > 0 && passed.length === 0 && !isPasswordExpired
}

/** Another try would only ask again. */
export function agentProblem(host: WantedHost, { from, publicKey }: Identity): Problem {
  return {
    code: 'AUTH_NEEDS_PERSON',
    summary: `${host.name} takes a key that did not sign within ${host.connectTimeoutMs / 1000} s (${from})`,
    ...(publicKey && { detail: describeKey(publicKey, from) }),
    hint: 'The agent may wait for a touch of the security key, or for a click. `tunnels up` asks it again, and waits',
  }
}

/** The server has no part in it, and another try would come to the same. */
export function agentRefusalProblem(host: WantedHost, { from, publicKey }: Identity): Problem {
  return {
    code: 'AUTH_FAILED',
    summary: `${host.name} takes a key that its agent refuses to sign with (${from})`,
    ...(publicKey && { detail: describeKey(publicKey, from) }),
    hint: 'The agent is locked (`ssh-add -X` opens it), or the key is confirmed each time (`ssh-add -c`) and was not, or it is for other hosts (`ssh-add -h`). Then `tunnels up` asks it again',
  }
}

/** `ssh-ed25519 SHA256:… (from)`. */
export function describeKey(key: PublicKey, from: string): string {
  return `${key.type} ${keyFingerprint(key)} (${from})`
}

function needsProblem(refusal: Refusal, detail: string): Problem {
  const first = refusal.needs[0]!
  return {
    code: 'AUTH_NEEDS_PERSON',
    summary: `${soFar(refusal)} ${first}`,
    detail,
    hint: refusal.isPasswordExpired ? 'Then `tunnels up`' : HINT_FOR_NEED,
  }
}

function soFar({ host, passed }: Refusal): string {
  if (passed.length === 0) return `${host.name} wants`
  return `${host.name} took ${stepsOf(passed)} of ${host.user} and wants more:`
}

const HINT_FOR_NEED =
  '`tunnels up` in a terminal asks for it; a password can also come from a variable: password_env'

function summaryOf({ host, passed, methods }: Refusal): string {
  if (passed.length === 0) return `${host.name} does not let ${host.user} in`
  return `${host.name} took ${stepsOf(passed)} of ${host.user}, and nothing after it: it wants ${methods.join(', ')}`
}

function detailOf({ host, methods, tried, told, notes, said }: Refusal): string {
  const keys = tried.length > 0 ? `Keys tried:\n  ${tried.join('\n  ')}` : 'No key was tried.'
  return [
    `${formatEndpoint(host)} takes: ${methods.join(', ') || 'nothing'}.`,
    keys,
    ...told,
    ...notes,
    ...(said ? [said] : []),
  ].join('\n')
}

const CANNOT = /^(gssapi-|hostbased)/

function hintFor({ host, methods, tried, needs, isVariableRefused, said }: Refusal): string {
  if (said !== null && /too many/i.test(said))
    return `So that only the right key is offered, ${howToSet(host, 'identities_only: true, identity_file: ~/.ssh/KEY')}`
  if (methods.length > 0 && methods.every((method) => CANNOT.test(method)))
    return `tunnels cannot log in by ${methods.join(' or ')}, which is all that this server takes: \`ssh\` can. Or let its sshd_config say \`PubkeyAuthentication yes\`, and have your key added there`
  if (isVariableRefused)
    return 'Look whether the variable of password_env (or its line in .env) holds the password of this account'
  if (methods.length > 0 && !methods.includes('publickey'))
    return `Check the user name, and the password of ${host.user} on the server`
  if (tried.length === 0)
    return `Load a key with \`ssh-add\`; or name one: \`-i ~/.ssh/KEY\` in a forward that is written as for ssh, else ${howToSet(host, 'identity_file: ~/.ssh/KEY')}`
  const password =
    needs.length > 0 ? '. For a password instead: `tunnels up` in a terminal, or password_env' : ''
  return `Check the user name, and that one of these keys is in ${host.user}'s authorized_keys on the server${password}`
}

function stepsOf(passed: string[]): string {
  return passed.map((method) => (method === 'publickey' ? 'the key' : `the ${method}`)).join(' and ')
}

/** What it says itself comes first. */
function withDetail(problem: Problem, detail: string): Problem {
  return { ...problem, detail: problem.detail ? `${problem.detail}\n${detail}` : detail }
}

// The way to a host, step by step, told from one attempt: how far it came, and the problem that ended it.

import { isIP } from 'node:net'
import { formatHostPort } from '../model/address.ts'
import type { Step, StepName } from '../model/diagnosis.ts'
import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import type { Progress } from '../ssh/handshake.ts'
import { notReached, well, wrong } from './step.ts'

/** `problem`: null when it is connected. */
export function hostSteps(host: WantedHost, progress: Progress, problem: Problem | null): Step[] {
  const names = stepsOf(host)
  const failed = problem ? names.indexOf(failedStep(host, progress, problem)) : names.length
  return names.map((name, at) => {
    if (at > failed) return notReached(name)
    return at === failed
      ? wrong(name, problem!, remedies(host, name, problem!, progress))
      : seen(host, name, progress)
  })
}

function stepsOf(host: WantedHost): StepName[] {
  const shared: StepName[] = ['banner', 'host_key', 'login']
  if (host.jump !== null) return ['jump', ...shared]
  return host.proxyCommand ? ['proxy_command', ...shared] : ['name', 'connection', ...shared]
}

function failedStep(host: WantedHost, progress: Progress, { code }: Problem): StepName {
  if (code.startsWith('HOST_KEY_')) return 'host_key'
  if (code.startsWith('AUTH_')) return 'login'
  if (host.jump === null && !host.proxyCommand && code === 'HOST_UNRESOLVED') return 'name'
  if (code === 'HOST_UNREACHABLE' || code === 'HOST_UNRESOLVED') return firstStep(host)
  switch (progress.step) {
    case 'connecting':
      return firstStep(host)
    case 'waiting for the banner':
      return 'banner'
    case 'key exchange':
      return 'host_key'
    case 'authentication':
      return 'login'
  }
}

function firstStep(host: WantedHost): StepName {
  const [first, second] = stepsOf(host)
  return first === 'name' ? second! : first!
}

function seen(host: WantedHost, step: StepName, { address, said, hostKey, login }: Progress): Step {
  const endpoint = formatHostPort(address ?? host.hostname, host.port)
  switch (step) {
    case 'jump':
      return well(step, `${host.jump} connects to ${formatHostPort(host.hostname, host.port)}`)
    case 'name':
      return well(step, describeName(host, address))
    case 'proxy_command':
      return well(step, 'its command runs')
    case 'connection':
      return well(step, `${endpoint} takes the connection`)
    case 'banner':
      return well(step, said ?? 'an SSH server answers')
    case 'host_key':
      return well(step, `${hostKey ?? 'its key'} ${howKnown(host)}`)
    default:
      return well(step, `${host.user} is let in${login ? `, by ${login}` : ''}`)
  }
}

function describeName({ hostname }: WantedHost, address: string | undefined): string {
  if (isIP(hostname) !== 0) return `${hostname} is an address`
  return address ? `${hostname} is ${address}` : `${hostname} is known`
}

function howKnown(host: WantedHost): string {
  if (host.hostKeys) return 'is among its host_keys'
  const takesNew = host.strictHostKeyChecking === 'accept-new' || host.strictHostKeyChecking === 'no'
  return takesNew ? `is accepted (strict_host_key_checking: ${host.strictHostKeyChecking})` : 'is on file'
}

/** The lines that ssh and sshd know, beside what the problem itself says of tunnels.yaml. */
function remedies(host: WantedHost, step: StepName, { code }: Problem, progress: Progress): string[] {
  // Nobody's configuration is at fault.
  if (code === 'INTERNAL') return []
  switch (step) {
    case 'name':
      return [
        'In ssh_config: `HostName ADDRESS`; or `ProxyJump HOST`, where only a machine on the way knows it',
      ]
    case 'connection':
      return code === 'HOST_TIMEOUT'
        ? ['In ssh_config: `ProxyJump HOST`, where only a machine on the way may reach it']
        : [
            `In ssh_config: \`HostName\` and \`Port\`; in its sshd_config: \`Port ${host.port}\` and \`ListenAddress\``,
          ]
    case 'jump':
      return code === 'FORWARD_PROHIBITED'
        ? [
            `In sshd_config of ${host.jump}: \`AllowTcpForwarding yes\`, and with a PermitOpen \`PermitOpen ${formatHostPort(host.hostname, host.port)}\``,
          ]
        : []
    case 'proxy_command':
      return ['In ssh_config: `ProxyCommand`']
    case 'banner':
      return ['In ssh_config: `Port`']
    case 'login':
      return loginRemedies(code, progress)
    default:
      return []
  }
}

/** Where only a person is missing, the problem's own hint names password_env and `tunnels up`. */
function loginRemedies(code: Problem['code'], { takes }: Progress): string[] {
  if (code === 'AUTH_NEEDS_PERSON') return []
  const isByKey = !takes || takes.methods.length === 0 || takes.methods.includes('publickey')
  const mayAsk = takes?.methods.some((method) => method === 'password' || method === 'keyboard-interactive')
  const said = 'In tunnels.yaml: `password_env: NAME`, or `tunnels up` on a terminal, which asks'
  if (mayAsk && (!isByKey || takes?.hasBegun)) return [said]
  if (!isByKey) return []
  return [
    'In ssh_config: `User`, `IdentityFile ~/.ssh/KEY`; in its sshd_config: `PubkeyAuthentication yes`, `AllowUsers`',
  ]
}

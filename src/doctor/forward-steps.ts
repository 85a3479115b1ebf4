// One forward, step by step, through a connection to its host or, where there is none, as far as this machine goes.

import { formatTarget } from '../model/address.ts'
import type { ForwardDiagnosis, Step } from '../model/diagnosis.ts'
import { problemOf } from '../model/problem.ts'
import type { WantedForward, WantedLocalForward } from '../model/wanted.ts'
import { listenStep, type Running, targetHereStep } from './local-steps.ts'
import { dialRemedies, mayDial } from './policy.ts'
import { type FarSide, remoteSteps } from './remote-steps.ts'
import { notReached, unclear, well, wrong } from './step.ts'

/** `far` null: its host is not connected. `running`: the same forward, where it is open in this project. */
export async function diagnoseForward(
  forward: WantedForward,
  running: Running | null,
  far: FarSide | null,
  signal: AbortSignal,
): Promise<ForwardDiagnosis> {
  const { name, kind, via } = forward
  return { name, kind, via, steps: await stepsOf(forward, running, far, signal) }
}

async function stepsOf(
  forward: WantedForward,
  running: Running | null,
  far: FarSide | null,
  signal: AbortSignal,
): Promise<Step[]> {
  if (forward.kind === 'remote') {
    const isTcp = forward.listen.kind === 'tcp'
    const unreached = [notReached('remote_listen'), ...(isTcp ? [notReached('reach')] : [])]
    const there = far ? await remoteSteps(forward, running, far) : unreached
    return [...there, await targetHereStep(forward.to, signal)]
  }
  const listen = await listenStep(forward, running)
  const steps = forward.kind === 'dynamic' ? ['policy' as const] : ['policy' as const, 'target' as const]
  return [listen, ...(far ? await throughSteps(forward, far) : steps.map(notReached))]
}

async function throughSteps(forward: WantedLocalForward, far: FarSide): Promise<Step[]> {
  const { to, via } = forward
  if (to.kind === 'socks') return [await socksStep(via, far)]
  try {
    const connection = await far.carrier.dial(to, { address: null, port: 0 }, far.signal)
    connection.abort()
    return [
      well('policy', `${via} lets the connection through`),
      well('target', `${formatTarget(to)} answers ${via}`),
    ]
  } catch (error) {
    far.signal.throwIfAborted()
    const problem = problemOf(error)
    if (!problem.code.startsWith('TARGET_')) {
      const isPolicy = problem.code === 'FORWARD_PROHIBITED'
      const remedies = isPolicy ? dialRemedies(to, await far.policy()) : []
      return [wrong('policy', problem, remedies), notReached('target')]
    }
    return [
      well('policy', `${via} lets the connection through`),
      wrong('target', problem, targetRemedies(forward)),
    ]
  }
}

/** A path has no policy of its own that could be told from a socket that is not there: the problem's hint names it. */
function targetRemedies({ to, via }: WantedLocalForward): string[] {
  if (to.kind === 'unix')
    return ['In its sshd_config: `AllowStreamLocalForwarding yes`, and `AllowTcpForwarding yes`']
  return [`Start what should answer on ${via}, or correct \`to\`: it is looked up and reached from there`]
}

/** Which targets its clients will ask for nobody knows: a server that permits some of them may permit those. */
async function socksStep(via: string, far: FarSide): Promise<Step> {
  const problem = await mayDial(far.carrier, far.signal)
  if (!problem) return well('policy', `${via} lets connections through`)
  const policy = await far.policy()
  if (problem.code === 'FORWARD_PROHIBITED' && policy.listens)
    return unclear(
      'policy',
      `${via} lets some connections through or none: PermitOpen in its sshd_config says which, and AllowTcpForwarding has to be yes or local`,
    )
  return wrong('policy', problem, dialRemedies({ kind: 'tcp', host: 'HOST', port: 443 }, policy))
}

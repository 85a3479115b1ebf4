// Where each forward of a project is to be dialled, and what programs are told of it: from the file alone, or from what
// runs of it. Pure.

import type { ForwardAddress, Selection } from '../control/protocol.ts'
import { parseShownAddress, type SocketAddress } from '../model/address.ts'
import type { Problem, ProblemCode } from '../model/problem.ts'
import type { ForwardSpec, Project } from '../model/project.ts'
import type { ForwardStatus } from '../model/status.ts'
import { fixedAddress, reachable, setsVariables, variablesOf } from '../model/variables.ts'
import type { Wanted } from '../model/wanted.ts'
import { selectForwards } from '../resolve/select.ts'

/** Null where nothing runs. */
type RunningForwards = { wanted: Wanted; forwards: readonly ForwardStatus[] } | null

/** Where nothing runs. */
export function addressesInFiles(project: Project, selection: Selection): ForwardAddress[] {
  return addressesOf(project, selectForwards(project, selection).selected, null)
}

/** `selected`: those that run, or would. `auto`: of those that listen on a chosen port, too, that one. */
export function addressesOf(
  project: Pick<Project, 'forwards'>,
  selected: ReadonlySet<string>,
  running: RunningForwards,
  auto = false,
): ForwardAddress[] {
  return [...project.forwards.values()].map((spec) => {
    const { name, kind, via } = spec
    const isSelected = selected.has(name)
    const address = (isSelected && runningAddress(spec, running, auto)) || fixedAddress(spec.listen)
    return {
      name,
      kind,
      via,
      selected: isSelected,
      address,
      variables: setsVariables(spec) ? address && variablesOf(spec, address) : {},
      problem: isSelected ? listenProblem(spec, running) : null,
    }
  })
}

/** A port that was chosen here is in what is wanted, one that a host chose in the status. */
function runningAddress(
  { name, listen }: ForwardSpec,
  running: RunningForwards,
  auto: boolean,
): SocketAddress | null {
  const wanted = running?.wanted.forwards.get(name)
  if (!wanted) return null
  if (wanted.kind !== 'remote') {
    const isChosen = (socket: SocketAddress) =>
      listen.kind === 'tcp' && socket.kind === 'tcp' && socket.port !== listen.port
    const socket = wanted.listen.find((each) => isChosen(each) === auto) ?? wanted.listen[0]
    return socket ? reachable(socket) : null
  }
  const [shown] = statusOf(name, running)?.listen ?? []
  const address = shown === undefined ? null : parseShownAddress(shown)
  return address && reachable(address)
}

const ofListening: ReadonlySet<ProblemCode> = new Set(['PORT_IN_USE', 'LISTEN_FORBIDDEN', 'LISTEN_FAILED'])

function listenProblem({ name }: ForwardSpec, running: RunningForwards): Problem | null {
  const problem = statusOf(name, running)?.problem
  return problem && ofListening.has(problem.code) ? problem : null
}

function statusOf(name: string, running: RunningForwards): ForwardStatus | undefined {
  return running?.forwards.find((one) => one.name === name && one.state !== 'draining')
}

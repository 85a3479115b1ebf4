// Where each forward of a project is to be dialled, and what programs are told of it: from the file alone, or from what
// runs of it. Pure.

import type { ForwardAddress, Selection } from '../control/protocol.ts'
import { formatSocketAddress, parseShownAddress, type SocketAddress } from '../model/address.ts'
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
      problem: isSelected ? listenProblem(spec, running, auto ? address : null) : null,
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
    const socket = wanted.listen.find((each) => isChosen({ listen }, each) === auto) ?? wanted.listen[0]
    return socket ? reachable(socket) : null
  }
  const [shown] = statusOf(name, running)?.listen ?? []
  const address = shown === undefined ? null : parseShownAddress(shown)
  return address && reachable(address)
}

/** True of a port that is not the one of the file. */
export function isChosen({ listen }: Pick<ForwardSpec, 'listen'>, socket: SocketAddress): boolean {
  return listen.kind === 'tcp' && socket.kind === 'tcp' && socket.port !== listen.port
}

/** For who asked for a free port: where there is one, the port of the file is somebody else's business. */
export function isForAuto(
  { project, wanted }: { project: Project; wanted: Wanted },
  name: string,
  socket: SocketAddress,
): boolean {
  const [spec, forward] = [project.forwards.get(name), wanted.forwards.get(name)]
  if (!spec || !forward || forward.kind === 'remote') return true
  return isChosen(spec, socket) || !forward.listen.some((each) => isChosen(spec, each))
}

const ofListening: ReadonlySet<ProblemCode> = new Set(['PORT_IN_USE', 'LISTEN_FORBIDDEN', 'LISTEN_FAILED'])

/** `needed`: who is content with this one does not mind that another address is not to be had. */
function listenProblem(
  { name }: ForwardSpec,
  running: RunningForwards,
  needed: SocketAddress | null,
): Problem | null {
  const { problem = null, listen = [] } = statusOf(name, running) ?? {}
  if (!problem || !ofListening.has(problem.code)) return null
  return needed && listen.includes(formatSocketAddress(needed)) ? null : problem
}

function statusOf(name: string, running: RunningForwards): ForwardStatus | undefined {
  return running?.forwards.find((one) => one.name === name && one.state !== 'draining')
}

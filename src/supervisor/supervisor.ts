// Answers what is asked of a project that runs, and ends it. What runs, and how it comes to that, is the loop's
// (loop.ts); who may hold a part of it, the leases' (lease-holders.ts).

import type {
  AddressesAnswer,
  AddressesRequest,
  AnswerRequest,
  Control,
  DownRequest,
  Event,
  LeaseAnswer,
  LeaseRequest,
  LogLine,
  LogsRequest,
  PlanRequest,
  ProbeAnswer,
  ProbeRequest,
  ReconcileAnswer,
  ReconcileRequest,
  RestartRequest,
  Selection,
  StatusRequest,
  TrustAnswer,
  TrustRequest,
} from '../control/protocol.ts'
import { PROBE_MS } from '../control/protocol.ts'
import type { SocketAddress } from '../model/address.ts'
import { withDeadline } from '../model/deadline.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import { isReady, type Status } from '../model/status.ts'
import { type PlanJson, toPlanJson } from '../plan/plan.ts'
import { groupsEnded } from '../ssh/process-group.ts'
import { addressesOf, isForAuto } from './addresses.ts'
import { isUntrusted } from './config-status.ts'
import { HttpService } from './http-service.ts'
import { inFileOrder } from './in-file-order.ts'
import { LeaseHolders } from './lease-holders.ts'
import { openLease, statusOf, stopInLeases } from './leases.ts'
import type { Log } from './log.ts'
import { Loop } from './loop.ts'
import { readLog } from './read-log.ts'
import { addSelection, namedForwards, stopForwards, withTrust } from './selection.ts'
import { watchSurroundings } from './surroundings.ts'

export interface Supervisor extends Control {
  /** Resolves when everything is closed. */
  readonly ended: Promise<void>
}

export interface SupervisorOptions {
  selection: Selection
  /** Follow the files. */
  watch: boolean
  version: string
  /** Where health and metrics are served, as `up --http` has it; absent: nowhere. */
  http?: string | null
  /** Is told everything from the start, what the first look finds included. */
  onEvent?: (event: Event) => void
  /** Is told everything, too; closed by who opened it. */
  log?: Log
  /** What somebody agrees to holds for the next supervisor of the project, too; default: yes. */
  remembersTrust?: boolean
  /** Who starts it will attend to its prompts in a moment: what is asked until then is kept. */
  expectsPerson?: boolean
  /** Nothing keeps it but leases: it ends with the last one, unless an `up` has come meanwhile. */
  isLeased?: boolean
}

/** How long somebody who is expected may take to join. */
const joinMs = 10_000
/** The same of a `tunnels run`: a busy machine must not end what has just been started. */
const leaseMs = 60_000

/** Rejects with a ProblemError, and leaves nothing behind, when the files are not right at the start. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const supervisor = new RunningSupervisor(options)
  if (options.onEvent) supervisor.watchEvents(options.onEvent)
  if (options.log) supervisor.watchEvents(options.log.tell)
  await supervisor.start()
  return supervisor
}

class RunningSupervisor implements Supervisor {
  readonly ended: Promise<void>
  readonly #options: SupervisorOptions
  readonly #startedAt = new Date().toISOString()
  readonly #ending = new AbortController()
  readonly #loop: Loop
  readonly #leases: LeaseHolders
  readonly #http = new HttpService(() => ({ status: this.status(), isReady: this.#isReady }))
  #isLeased: boolean
  #stopSurroundings = () => {}
  #end!: () => void

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#isLeased = options.isLeased ?? false
    const { selection, watch, remembersTrust = true } = options
    this.#loop = new Loop({ selection, watch, remembersTrust, ending: this.#ending.signal })
    this.#leases = new LeaseHolders(this.#loop, () => this.#endUnlessUsed())
    this.ended = new Promise((done) => {
      this.#end = done
    })
  }

  async start(): Promise<void> {
    const { selection, http, expectsPerson } = this.#options
    if (expectsPerson) this.#reconciler.prompts.expect(joinMs)
    await this.#inTurn(() => this.#http.during(http, () => this.#loop.take(selection)))
    this.#stopSurroundings = watchSurroundings(() => this.#reconciler.surroundingsChanged())
    if (this.#isLeased) setTimeout(() => this.#endUnlessUsed(), leaseMs).unref()
  }

  status(request: StatusRequest = {}): Status {
    const { selection, leases, loaded } = this.#loop.held
    const { watch, version } = this.#options
    const http = this.#http.addresses
    const supervisor = { pid: process.pid, startedAt: this.#startedAt, version, watching: watch }
    return {
      project: loaded?.project.name ?? '',
      files: selection.files,
      config: this.#loop.config,
      supervisor: { ...supervisor, ...(http && { http }) },
      hosts: inFileOrder(loaded?.project.hosts, this.#reconciler.hosts()),
      forwards: inFileOrder(loaded?.project.forwards, this.#reconciler.forwards(request)),
      ...(loaded && leases.length > 0 && { leases: statusOf(leases, loaded.project) }),
    }
  }

  addresses({ auto = false }: AddressesRequest = {}): AddressesAnswer {
    const { loaded } = this.#loop.held
    if (!loaded) return { forwards: [] }
    const running = { wanted: loaded.wanted, forwards: this.#reconciler.forwards() }
    return { forwards: addressesOf(loaded.project, loaded.selected, running, auto) }
  }

  async plan(request: PlanRequest): Promise<PlanJson> {
    // In turn, because loading remembers the ports that it chooses.
    return this.#inTurn(async () => {
      const { project, wanted } = await this.#loop.lookOnly(this.#with(request.selection))
      this.#ending.signal.throwIfAborted()
      return toPlanJson(project.name, this.#loop.planFor(wanted))
    })
  }

  async trust({ selection, lease, trusted }: TrustRequest): Promise<TrustAnswer> {
    return this.#inTurn(async () => {
      const more = lease && selection ? [openLease(selection, { pid: null, autoPorts: false })] : []
      const agreed = [...(selection?.trusted ?? []), ...(trusted ?? [])]
      const asked = withTrust(this.#with(lease ? undefined : selection), agreed)
      const loaded = await this.#loop.lookOnly(asked, [...this.#loop.held.leases, ...more])
      return { waiting: loaded.trust.waiting }
    })
  }

  async reconcile({ selection: another, names, trusted, http }: ReconcileRequest): Promise<ReconcileAnswer> {
    return this.#inTurn(async () => {
      this.#loop.forgetSshConfig()
      const brought = names ? { ...this.#loop.held.selection, names } : another
      const selection = withTrust(this.#with(brought), trusted)
      const answer = await this.#http.during(http, () => this.#loop.take(selection, { isAsked: true }))
      if (brought) this.#isLeased = false
      return answer
    })
  }

  async lease(request: LeaseRequest, gone: AbortSignal): Promise<LeaseAnswer> {
    this.#ending.signal.throwIfAborted()
    return this.#leases.take(request, gone)
  }

  async down({ names, drainMs = 0 }: DownRequest): Promise<void> {
    if (!names) return this.#close(drainMs)
    await this.#loop.inOrder(async () => {
      const { selection, leases, loaded } = this.#loop.held
      const forwards = namedForwards(loaded!.project, selection, names)
      const less = [stopForwards(selection, forwards), stopInLeases(leases, forwards)] as const
      const without = await this.#loop.load(...less).catch((error: unknown) => {
        // What somebody has to agree to keeps nothing open that is to be closed.
        if (!isUntrusted(error)) throw error
        return this.#loop.less(...less)
      })
      await this.#loop.apply(without, { drainMs })
    })
  }

  async restart({ names, trusted }: RestartRequest): Promise<ReconcileAnswer> {
    return this.#inTurn(async () => {
      const { selection: held, leases, loaded } = this.#loop.held
      const selection = withTrust(held, trusted)
      const running = this.#reconciler.snapshot().forwards
      const forwards = names ? namedForwards(loaded!.project, selection, names) : new Set(running.keys())
      // Both before anything is closed: a file that breaks in between must not leave it so.
      const again = await this.#loop.load(selection)
      const without = await this.#loop.load(stopForwards(selection, forwards), stopInLeases(leases, forwards))
      return this.#loop.applyAgain(without, again)
    })
  }

  async probe(
    { names, timeoutMs = PROBE_MS, auto = false }: ProbeRequest,
    signal: AbortSignal,
  ): Promise<ProbeAnswer> {
    this.#ending.signal.throwIfAborted()
    const { selection, loaded } = this.#loop.held
    const meant = names
      ? namedForwards(loaded!.project, selection, names)
      : this.#reconciler.snapshot().forwards.keys()
    const until = withDeadline(AbortSignal.any([signal, this.#ending.signal]), Math.ceil(timeoutMs))
    const probes = [...meant].map(async (name) => {
      const isMeant = (socket: SocketAddress) => isForAuto(this.#loop.held.loaded!, name, socket)
      const probing = this.#reconciler.probe(name, until, auto ? isMeant : undefined)
      const problem = await (probing ?? notSelected(name))
      return { name, problem }
    })
    return { forwards: await Promise.all(probes) }
  }

  attend(): () => void {
    return this.#reconciler.prompts.attend()
  }

  async answer({ id, answers }: AnswerRequest): Promise<void> {
    const outcome = this.#reconciler.prompts.answer(id, answers)
    if (outcome !== 'taken') throw new ProblemError(notAnswered(outcome))
  }

  watchEvents(listener: (event: Event) => void): () => void {
    return this.#loop.news.watch(listener)
  }

  async readLog(request: LogsRequest, tell: (line: LogLine) => void, signal: AbortSignal): Promise<void> {
    const source = {
      log: this.#options.log ?? null,
      status: () => this.status(),
      watchEvents: (listener: (event: Event) => void) => this.watchEvents(listener),
    }
    await readLog(source, request, tell, signal)
  }

  get #reconciler(): Loop['reconciler'] {
    return this.#loop.reconciler
  }

  /** Not before the files were taken once, and not at the end. */
  get #isReady(): boolean {
    return this.#loop.held.loaded !== null && !this.#ending.signal.aborted && isReady(this.status())
  }

  /** Refused at the end before a place in the queue is taken: behind a long drain nobody should wait for this answer. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#ending.signal.throwIfAborted()
    return this.#loop.inOrder(work)
  }

  /** What is held, and what an `up` brings. */
  #with(brought: Selection | undefined): Selection {
    const { selection, loaded } = this.#loop.held
    return brought ? addSelection(selection, brought, loaded?.project.forwards) : selection
  }

  #endUnlessUsed(): void {
    if (this.#isLeased && this.#leases.count === 0) void this.#close(0)
  }

  /**
   * Asked again with less patience, it ends sooner. Takes no turn: a run may hang, with the disk that it reads. One that
   * is under way ends at its next step.
   */
  async #close(drainMs: number): Promise<void> {
    if (this.#ending.signal.aborted) {
      void this.#reconciler.close(drainMs)
      return this.ended
    }
    this.#ending.abort(endingError())
    this.#stopSurroundings()
    const { news } = this.#loop
    // What it came to may be why it ends, and nobody has been told yet.
    news.tellStates()
    await this.#reconciler.close(drainMs)
    await groupsEnded()
    await this.#http.close()
    news.tellStates()
    news.tell({ time: new Date().toISOString(), event: 'end' })
    this.#end()
  }
}

function notSelected(name: string): Problem {
  return { code: 'NOT_RUNNING', summary: `The forward ${name} is closed: \`tunnels up ${name}\` opens it` }
}

function notAnswered(why: 'gone' | 'other-count'): Problem {
  const summary =
    why === 'gone' ? 'That question is not open any more' : 'There has to be one answer for each field'
  return { code: 'USAGE', summary }
}

function endingError(): ProblemError {
  return new ProblemError({ code: 'NOT_RUNNING', summary: 'The supervisor is ending' })
}

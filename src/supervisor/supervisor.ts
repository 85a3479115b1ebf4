// The loop that makes it so: poke → load → resolve → snapshot → plan → reconcile. Holds the selection and the
// last good project; a file that is broken changes nothing. What becomes of a run are events.

import { dirname, join } from 'node:path'
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
import type { ConnectionNews } from '../model/connection.ts'
import { withDeadline } from '../model/deadline.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import { isReady, type Status } from '../model/status.ts'
import type { Wanted } from '../model/wanted.ts'
import { isEmpty, type Plan, type PlanJson, toPlanJson } from '../plan/plan.ts'
import { makePlan } from '../plan/planner.ts'
import { asRestart } from '../plan/restart.ts'
import { Reconciler } from '../reconcile/reconciler.ts'
import { refuses } from '../reconcile/route.ts'
import { selectForwards } from '../resolve/select.ts'
import { SshConfig } from '../resolve/ssh-config.ts'
import { connect } from '../ssh/connect.ts'
import { groupsEnded } from '../ssh/process-group.ts'
import { addressesOf, isChosen } from './addresses.ts'
import { isUntrusted, nothingTaken, refused, taken } from './config-status.ts'
import { foundLater } from './found-files.ts'
import { type Looks, lookAt } from './half-written.ts'
import { HostFiles } from './host-files.ts'
import { type HttpEnd, openHttpEnd } from './http-end.ts'
import {
  broughtBy,
  changesHeld,
  forOwnHosts,
  forwardsOf,
  type Lease,
  openLease,
  otherValues,
  refuseOther,
  statusOf,
  stopInLeases,
  withLeases,
  withoutLease,
} from './leases.ts'
import { type Loaded, type LoadingOptions, loadWanted, selectLess } from './load-wanted.ts'
import type { Log } from './log.ts'
import { News } from './news.ts'
import { createQueue } from './queue.ts'
import { readLog } from './read-log.ts'
import { addSelection, stopForwards, withTrust } from './selection.ts'
import { watchSurroundings } from './surroundings.ts'
import { settleTrust } from './trust.ts'
import { type FileWatch, watchFiles } from './watch.ts'

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

/** What was loaded, of which selection. `seen`: how the files were before they were read. */
type Proven = Loaded & { selection: Selection; leases: readonly Lease[]; seen: Looks }

/** `drainMs`: absent: what each forward says. `isAsked`: by somebody, not by the watcher. */
interface Manner {
  drainMs?: number
  isAsked?: boolean
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
  #selection: Selection
  #leases: readonly Lease[] = []
  /** Leases that are there, and those that are on their way. */
  #leaseCount = 0
  #isLeased: boolean
  #project: Project | null = null
  /** What was taken last. */
  #held: Proven | null = null
  #config = nothingTaken
  #watch: FileWatch | null = null
  #isLookDue = false
  #isEnding = false
  readonly #options: SupervisorOptions
  readonly #startedAt = new Date().toISOString()
  readonly #inOrder = createQueue()
  readonly #reconciler = new Reconciler(
    connect,
    () => this.#news.worldChanged(),
    (name, news) => this.#connectionChanged(name, news),
  )
  readonly #news = new News(
    () => ({ hosts: this.#reconciler.hosts(), forwards: this.#reconciler.forwards() }),
    () => this.#hostFiles.look(),
  )
  readonly #sshConfig = new SshConfig()
  /** Ends a look that hangs in the ssh configuration. */
  readonly #looking = new AbortController()
  readonly #hostFiles = new HostFiles(this.#reconciler)
  #stopSurroundings = () => {}
  #http: HttpEnd | null = null
  #end!: () => void

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#selection = options.selection
    this.#isLeased = options.isLeased ?? false
    this.ended = new Promise((done) => {
      this.#end = done
    })
  }

  async start(): Promise<void> {
    if (this.#options.expectsPerson) this.#reconciler.prompts.expect(joinMs)
    await this.#inOrder(() => this.#serving(this.#options.http, () => this.#take(this.#selection)))
    this.#stopSurroundings = watchSurroundings(() => this.#reconciler.surroundingsChanged())
    if (this.#isLeased) setTimeout(() => this.#endUnlessUsed(), leaseMs).unref()
  }

  status(request: StatusRequest = {}): Status {
    return {
      project: this.#project?.name ?? '',
      files: this.#selection.files,
      config: this.#config,
      supervisor: {
        pid: process.pid,
        startedAt: this.#startedAt,
        version: this.#options.version,
        watching: this.#options.watch,
        ...(this.#http && { http: this.#http.addresses }),
      },
      hosts: inOrderOf(this.#project?.hosts, this.#reconciler.hosts()),
      forwards: inOrderOf(this.#project?.forwards, this.#reconciler.forwards(request)),
      ...(this.#project && this.#leases.length > 0 && { leases: statusOf(this.#leases, this.#project) }),
    }
  }

  addresses({ auto = false }: AddressesRequest = {}): AddressesAnswer {
    if (!this.#held) return { forwards: [] }
    const { project, selected, wanted } = this.#held
    const running = { wanted, forwards: this.#reconciler.forwards() }
    return { forwards: addressesOf(project, selected, running, auto) }
  }

  async plan(request: PlanRequest): Promise<PlanJson> {
    this.#refuseAtEnd()
    // In turn, because loading remembers the ports that it chooses.
    return this.#inOrder(async () => {
      const loaded = await this.#look(this.#with(request.selection), 'leave out')
      this.#refuseAtEnd()
      return toPlanJson(loaded.project.name, this.#planFor(loaded.wanted))
    })
  }

  async trust({ selection, lease, trusted }: TrustRequest): Promise<TrustAnswer> {
    this.#refuseAtEnd()
    return this.#inOrder(async () => {
      const more = lease && selection ? [openLease(selection, { pid: null, autoPorts: false })] : []
      const asked = withTrust(this.#with(lease ? undefined : selection), [
        ...(selection?.trusted ?? []),
        ...(trusted ?? []),
      ])
      const loaded = await this.#look(asked, 'leave out', [...this.#leases, ...more])
      return { waiting: loaded.trust.waiting }
    })
  }

  async reconcile(request: ReconcileRequest): Promise<ReconcileAnswer> {
    this.#refuseAtEnd()
    return this.#inOrder(async () => {
      this.#sshConfig.forget()
      const { names } = request
      const brought = names ? { ...this.#selection, names } : request.selection
      const selection = withTrust(this.#with(brought), request.trusted)
      const answer = await this.#serving(request.http, () => this.#take(selection, { isAsked: true }))
      if (brought) this.#isLeased = false
      return answer
    })
  }

  /** With health and metrics served at `http` (absent: as before) from before `work` on; where that fails, as before. */
  async #serving<T>(http: string | null | undefined, work: () => Promise<T>): Promise<T> {
    const previous = this.#http
    if (!http || http === previous?.asked) return work()
    const next = await openHttpEnd(http, () => ({ status: this.status(), isReady: this.#isReady }))
    this.#http = next
    try {
      const answer = await work()
      await previous?.close()
      return answer
    } catch (error) {
      this.#http = previous
      await next.close()
      throw error
    }
  }

  /** Not before the files were taken once, and not at the end. */
  get #isReady(): boolean {
    return this.#project !== null && !this.#isEnding && isReady(this.status())
  }

  async lease({ selection, pid, autoPorts }: LeaseRequest, gone: AbortSignal): Promise<LeaseAnswer> {
    this.#refuseAtEnd()
    this.#leaseCount++
    try {
      const lease = openLease(selection, { pid: pid ?? null, autoPorts: autoPorts ?? false })
      const answer = await this.#inOrder(() => this.#takeLease(lease, gone))
      const release = () => void this.#release(lease)
      gone.addEventListener('abort', release, { once: true })
      if (gone.aborted) release()
      return answer
    } catch (error) {
      this.#leaseCount--
      this.#endUnlessUsed()
      throw error
    }
  }

  async #takeLease(lease: Lease, gone: AbortSignal): Promise<LeaseAnswer> {
    gone.throwIfAborted()
    const held = withLeases(this.#selection, this.#leases)
    refuseOther(held, lease.selection, this.#project!.variables)
    this.#sshConfig.forget()
    const selection = withTrust(this.#selection, lease.selection.trusted)
    const loaded = await this.#loadBeside(lease, selection, broughtBy(lease, held))
    const answer = await this.#apply(loaded, { isAsked: true })
    return { ...answer, forwards: forwardsOf(lease, loaded.project) }
  }

  /**
   * Whoever uses what is there must not be moved elsewhere by a variable that only the newcomer has, where the file has a
   * default or `.env` another value. One that the files mention is refused; any other (an agent) counts for its own hosts.
   */
  async #loadBeside(lease: Lease, selection: Selection, brought: readonly string[]): Promise<Proven> {
    const load = (...more: Lease[]) => this.#load(selection, [...this.#leases, ...more])
    const before = brought.length > 0 ? await load().catch(() => null) : null
    const loaded = await load(lease)
    if (!before || !changesHeld(before.wanted, loaded.wanted)) return loaded
    const mentioned = new Set(loaded.project.variables)
    const ofFiles = brought.filter((name) => mentioned.has(name))
    const others = brought.filter((name) => !mentioned.has(name))
    const less = await load(forOwnHosts(lease, others))
    if (ofFiles.length > 0 && changesHeld(before.wanted, less.wanted)) throw otherValues(ofFiles)
    return less
  }

  /** What nothing else selects is closed at once, as at Ctrl-C, whatever the files say by now. */
  async #release(lease: Lease): Promise<void> {
    this.#leaseCount--
    await this.#inOrder(async () => {
      this.#endUnlessUsed()
      const leases = withoutLease(this.#leases, lease)
      const loaded = await this.#load(this.#selection, leases).catch((error: unknown) => {
        if (this.#isEnding) throw error
        return this.#lessOfHeld(this.#selection, leases)
      })
      await this.#apply(loaded, { drainMs: 0 })
    }).catch(() => {})
  }

  #endUnlessUsed(): void {
    if (this.#isLeased && this.#leaseCount === 0) void this.#close(0)
  }

  /** What is held, and what an `up` brings. */
  #with(brought: Selection | undefined): Selection {
    return brought ? addSelection(this.#selection, brought, this.#project?.forwards) : this.#selection
  }

  async down({ names, drainMs = 0 }: DownRequest): Promise<void> {
    if (!names) return this.#close(drainMs)
    await this.#inOrder(async () => {
      const forwards = this.#forwardsNamed(names)
      const selection = stopForwards(this.#selection, forwards)
      const leases = stopInLeases(this.#leases, forwards)
      const loaded = await this.#load(selection, leases).catch((error: unknown) => {
        // What somebody has to agree to keeps nothing open that is to be closed.
        if (!isUntrusted(error)) throw error
        return this.#lessOfHeld(selection, leases)
      })
      await this.#apply(loaded, { drainMs })
    })
  }

  /** Of the files as they were taken last. */
  #lessOfHeld(selection: Selection, leases: readonly Lease[]): Proven {
    const held = this.#held!
    return { ...selectLess(held, withLeases(selection, leases)), selection, leases, seen: held.seen }
  }

  async restart({ names, trusted }: RestartRequest): Promise<ReconcileAnswer> {
    this.#refuseAtEnd()
    return this.#inOrder(async () => {
      const selection = withTrust(this.#selection, trusted)
      const forwards = names
        ? this.#forwardsNamed(names)
        : new Set(this.#reconciler.snapshot().forwards.keys())
      const leases = stopInLeases(this.#leases, forwards)
      // Both before anything is closed: a file that breaks in between must not leave it so.
      const again = await this.#load(selection)
      const without = await this.#load(stopForwards(selection, forwards), leases)
      const closing = this.#planFor(without.wanted)
      await this.#carryOut(closing, without, { drainMs: 0 })
      const opening = this.#planFor(again.wanted)
      const plan = asRestart(closing, opening)
      this.#accepted(again, plan)
      await this.#hold(again)
      await this.#carryOut(opening, again, { isAsked: true })
      return { plan: toPlanJson(again.project.name, plan), problems: again.warnings }
    })
  }

  async probe(
    { names, timeoutMs = PROBE_MS, auto = false }: ProbeRequest,
    signal: AbortSignal,
  ): Promise<ProbeAnswer> {
    this.#refuseAtEnd()
    const running = this.#reconciler.snapshot().forwards
    const meant = names ? this.#forwardsNamed(names) : running.keys()
    const until = withDeadline(AbortSignal.any([signal, this.#looking.signal]), Math.ceil(timeoutMs))
    const probes = [...meant].map(async (name) => {
      const counts = auto ? (socket: SocketAddress) => this.#isForAuto(name, socket) : undefined
      const problem = await (this.#reconciler.probe(name, until, counts) ?? notSelected(name))
      return { name, problem }
    })
    return { forwards: await Promise.all(probes) }
  }

  /** For who asked for a free port: where there is one, the port of the file is somebody else's business. */
  #isForAuto(name: string, socket: SocketAddress): boolean {
    const [spec, wanted] = [this.#project?.forwards.get(name), this.#held?.wanted.forwards.get(name)]
    if (!spec || !wanted || wanted.kind === 'remote') return true
    return isChosen(spec, socket) || !wanted.listen.some((each) => isChosen(spec, each))
  }

  attend(): () => void {
    return this.#reconciler.prompts.attend()
  }

  async answer({ id, answers }: AnswerRequest): Promise<void> {
    const outcome = this.#reconciler.prompts.answer(id, answers)
    if (outcome !== 'taken') throw new ProblemError(notAnswered(outcome))
  }

  watchEvents(listener: (event: Event) => void): () => void {
    return this.#news.watch(listener)
  }

  async readLog(request: LogsRequest, tell: (line: LogLine) => void, signal: AbortSignal): Promise<void> {
    await readLog(
      {
        log: this.#options.log ?? null,
        status: () => this.status(),
        watchEvents: (listener) => this.watchEvents(listener),
      },
      request,
      tell,
      signal,
    )
  }

  /** Says "look again": doubled or lost pokes are harmless. */
  #poke(): void {
    if (this.#isLookDue || this.#isEnding) return
    this.#isLookDue = true
    void this.#inOrder(async () => {
      this.#isLookDue = false
      await this.#take(this.#selection)
    }).catch(() => {})
  }

  /** One run. A selection is held only once its files have proven themselves. */
  async #take(selection: Selection, how?: Manner): Promise<ReconcileAnswer> {
    return this.#apply(await this.#load(selection), how)
  }

  async #load(selection: Selection, leases = this.#leases): Promise<Proven> {
    this.#refuseAtEnd()
    const seen = await lookAt([...filesOf(selection), ...this.#sshConfig.files])
    try {
      return { selection, leases, seen, ...(await this.#look(selection, 'refuse', leases)) }
    } catch (error) {
      if (leases === this.#leases) await this.#refused(selection, seen, error)
      throw error
    }
  }

  async #look(
    selection: Selection,
    untrusted: NonNullable<LoadingOptions['untrusted']>,
    leases = this.#leases,
  ): Promise<Loaded> {
    const { signal } = this.#looking
    return loadWanted(withLeases(selection, leases), {
      sshConfig: this.#sshConfig,
      signal,
      untrusted,
      // Who only asks would change a port, and whoever takes it next would not hear of that.
      ...(untrusted === 'refuse' && { keptPorts: this.#reconciler.portsOpen() }),
    })
  }

  async #apply(loaded: Proven, how?: Manner): Promise<ReconcileAnswer> {
    this.#refuseAtEnd()
    const plan = this.#planFor(loaded.wanted)
    this.#accepted(loaded, plan)
    await this.#hold(loaded)
    await this.#carryOut(plan, loaded, how)
    return { plan: toPlanJson(loaded.project.name, plan), problems: loaded.warnings }
  }

  async #hold(loaded: Proven): Promise<void> {
    const { selection, project, trust } = loaded
    const { remembersTrust = true } = this.#options
    this.#selection = remembersTrust ? await settleTrust(selection, trust.items) : selection
    this.#leases = loaded.leases
    this.#project = project
    this.#held = loaded
  }

  async #carryOut(plan: Plan, loaded: Proven, { drainMs, isAsked = false }: Manner = {}): Promise<void> {
    this.#refuseAtEnd()
    const { selected, wanted, seen, sshConfigFiles } = loaded
    // Before it is applied: what the plan opens is tried once, not twice.
    const woken = this.#reconciler.wake(selected, isAsked)
    await this.#reconciler.apply(plan, wanted, drainMs)
    await woken
    await this.#follow(seen, sshConfigFiles)
  }

  #planFor(wanted: Wanted): Plan {
    const { deselected } = this.#held?.wanted ?? { deselected: new Set() }
    return makePlan(wanted, { ...this.#reconciler.snapshot(), deselected }, refuses)
  }

  #accepted(loaded: Loaded, plan: Plan): void {
    const loadedAt = new Date().toISOString()
    // Less of what is held: the file on disk is another one, and what is wrong with it still is.
    if (loaded.project === this.#project) return this.#tellPlan(loaded, plan, loadedAt)
    const { generation } = this.#config
    const problems = loaded.warnings
    this.#config = taken(this.#config, { changes: !isEmpty(plan), warnings: problems, loadedAt })
    if (this.#config.generation !== generation)
      this.#news.tell({ time: loadedAt, event: 'config', state: 'current', problems })
    this.#tellPlan(loaded, plan, loadedAt)
  }

  #tellPlan({ project }: Loaded, plan: Plan, time: string): void {
    if (!isEmpty(plan)) this.#news.tell({ time, event: 'plan', plan: toPlanJson(project.name, plan) })
  }

  /** What runs goes on; only a file that is held, not one that `up` brought, is worth a word in status. */
  async #refused(selection: Selection, seen: Looks, error: unknown): Promise<void> {
    if (selection !== this.#selection || this.#config.generation === 0 || this.#isEnding) return
    const before = this.#config
    this.#config = refused(before, error)
    const { state, problems } = this.#config
    if (this.#config !== before)
      this.#news.tell({ time: new Date().toISOString(), event: 'config', state, problems })
    // What is wrong may stand in a file that was not followed so far.
    await this.#follow(seen, this.#sshConfig.files)
  }

  /** `seen`: how the files were before they were read. */
  async #follow(seen: Looks, sshConfigFiles: readonly string[]): Promise<void> {
    if (!this.#options.watch || this.#isEnding) return
    await this.#hostFiles.follow()
    const files = [...new Set([...filesOf(this.#selection), ...sshConfigFiles])]
    if (this.#watch && files.join('\0') === this.#watch.files.join('\0')) return
    await this.#watch?.stop()
    this.#watch = await watchFiles(files, () => this.#poke(), { seen })
    if (this.#isEnding) void this.#watch.stop()
  }

  #forwardsNamed(names: readonly string[]): Set<string> {
    const { selected, unknown } = selectForwards(this.#project!, { ...this.#selection, names, stopped: [] })
    if (unknown.length === 0) return selected
    throw new ProblemError(
      unknown.map((name) => ({ code: 'USAGE', summary: `There is no forward or host named ${name}` })),
    )
  }

  /** Also before a place in the queue is taken: behind a long drain nobody should wait for this answer. */
  #refuseAtEnd(): void {
    if (this.#isEnding) throw endingError()
  }

  /**
   * Asked again with less patience, it ends sooner. Takes no turn: a run may hang, with the disk that it reads. One that
   * is under way ends at its next step.
   */
  async #close(drainMs: number): Promise<void> {
    if (this.#isEnding) {
      void this.#reconciler.close(drainMs)
      return this.ended
    }
    this.#isEnding = true
    this.#looking.abort(endingError())
    void this.#watch?.stop()
    void this.#hostFiles.stop()
    this.#stopSurroundings()
    // What it came to may be why it ends, and nobody has been told yet.
    this.#news.tellStates()
    await this.#reconciler.close(drainMs)
    await groupsEnded()
    await this.#http?.close()
    this.#news.tellStates()
    this.#news.tell({ time: new Date().toISOString(), event: 'end' })
    this.#end()
  }

  #connectionChanged(name: string, news: ConnectionNews): void {
    this.#news.tell({ time: new Date().toISOString(), event: 'connection', what: 'forward', name, ...news })
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

/** As the file has them, whatever the order in which they were opened; what it has no more comes last. */
function inOrderOf<T extends { name: string }>(
  declared: ReadonlyMap<string, unknown> | undefined,
  list: T[],
): T[] {
  const places = new Map([...(declared?.keys() ?? [])].map((name, index) => [name, index]))
  const placeOf = ({ name }: T) => places.get(name) ?? places.size
  return list.sort((a, b) => placeOf(a) - placeOf(b))
}

/** Those that are followed. Standard input was read once. */
function filesOf(selection: Selection): string[] {
  const { files, envFile } = selection
  const first = files[0] ?? '-'
  const folder = first === '-' ? process.cwd() : dirname(first)
  const named = files.filter((file) => file !== '-')
  return [...new Set([...named, ...foundLater(selection), envFile ?? join(folder, '.env')])]
}

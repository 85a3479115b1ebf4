// The loop that makes it so: poke → load → resolve → snapshot → plan → reconcile. Holds the selection and the
// last good project; a file that is broken changes nothing. What becomes of a run are events.

import type { ReconcileAnswer, Selection } from '../control/protocol.ts'
import type { ConfigStatus } from '../model/status.ts'
import type { Wanted } from '../model/wanted.ts'
import { isEmpty, type Plan, toPlanJson } from '../plan/plan.ts'
import { makePlan } from '../plan/planner.ts'
import { asRestart } from '../plan/restart.ts'
import { Reconciler } from '../reconcile/reconciler.ts'
import { refuses } from '../reconcile/route.ts'
import { SshConfig } from '../resolve/ssh-config.ts'
import { connect } from '../ssh/connect.ts'
import { nothingTaken, refused, taken } from './config-status.ts'
import { FollowedFiles, filesOf } from './followed-files.ts'
import { type Looks, lookAt } from './half-written.ts'
import { type Lease, withLeases } from './leases.ts'
import { type Loaded, type LoadingOptions, loadWanted, selectLess } from './load-wanted.ts'
import { News } from './news.ts'
import { createQueue } from './queue.ts'
import { settleTrust } from './trust.ts'

/** What the next run begins with. `loaded`: of the files as they were taken last; null: not yet. */
export interface Held {
  readonly selection: Selection
  readonly leases: readonly Lease[]
  readonly loaded: Proven | null
}

/** What was loaded, of which selection. `seen`: how the files were before they were read. */
export type Proven = Loaded & { selection: Selection; leases: readonly Lease[]; seen: Looks }

/** `drainMs`: absent: what each forward says. `isAsked`: by somebody, not by the watcher. */
export interface Manner {
  drainMs?: number
  isAsked?: boolean
}

export interface LoopOptions {
  selection: Selection
  /** Follow the files. */
  watch: boolean
  /** What somebody agrees to holds for the next supervisor of the project, too. */
  remembersTrust: boolean
  /** Its reason is what every run, and everything that comes later, rejects with. Ends a look that hangs, too. */
  ending: AbortSignal
}

export class Loop {
  readonly reconciler = new Reconciler(
    connect,
    () => this.news.worldChanged(),
    (name, news) =>
      this.news.tell({ time: new Date().toISOString(), event: 'connection', what: 'forward', name, ...news }),
  )
  readonly news = new News(
    () => ({ hosts: this.reconciler.hosts(), forwards: this.reconciler.forwards() }),
    () => this.#files.hostsChanged(),
  )
  /** Whatever loads or applies takes its turn here. */
  readonly inOrder = createQueue()
  readonly #options: LoopOptions
  readonly #sshConfig = new SshConfig()
  readonly #files = new FollowedFiles(this.reconciler, () => this.poke())
  #held: Held
  #config = nothingTaken
  #isLookDue = false

  constructor(options: LoopOptions) {
    this.#options = options
    this.#held = { selection: options.selection, leases: [], loaded: null }
    options.ending.addEventListener('abort', () => this.#files.stop(), { once: true })
  }

  get held(): Held {
    return this.#held
  }

  get config(): ConfigStatus {
    return this.#config
  }

  /** Says "look again": doubled or lost pokes are harmless. */
  poke(): void {
    if (this.#isLookDue || this.#options.ending.aborted) return
    this.#isLookDue = true
    void this.inOrder(async () => {
      this.#isLookDue = false
      await this.take(this.#held.selection)
    }).catch(() => {})
  }

  /** What ssh has said of a host is asked again: somebody wants it to be looked at. */
  forgetSshConfig(): void {
    this.#sshConfig.forget()
  }

  /** One run. A selection is held only once its files have proven themselves. */
  async take(selection: Selection, how?: Manner): Promise<ReconcileAnswer> {
    return this.apply(await this.load(selection), how)
  }

  async load(selection: Selection, leases = this.#held.leases): Promise<Proven> {
    this.#options.ending.throwIfAborted()
    const seen = await lookAt([...filesOf(selection), ...this.#sshConfig.files])
    try {
      // A remembered port that is taken is changed here only: whoever takes it next would not hear of it from who just asks.
      const loaded = await this.#look(selection, leases, {
        untrusted: 'refuse',
        keptPorts: this.reconciler.portsOpen(),
      })
      return { selection, leases, seen, ...loaded }
    } catch (error) {
      if (leases === this.#held.leases) await this.#refused(selection, seen, error)
      throw error
    }
  }

  /** For who only asks: nothing is held of it, and what waits for trust is left out. */
  async lookOnly(selection: Selection, leases = this.#held.leases): Promise<Loaded> {
    return this.#look(selection, leases, { untrusted: 'leave out' })
  }

  async #look(selection: Selection, leases: readonly Lease[], how: LoadingOptions): Promise<Loaded> {
    const { ending: signal } = this.#options
    return loadWanted(withLeases(selection, leases), { ...how, sshConfig: this.#sshConfig, signal })
  }

  /** Of the files as they were taken last. */
  less(selection: Selection, leases: readonly Lease[]): Proven {
    const loaded = this.#held.loaded!
    return { ...selectLess(loaded, withLeases(selection, leases)), selection, leases, seen: loaded.seen }
  }

  async apply(loaded: Proven, how?: Manner): Promise<ReconcileAnswer> {
    this.#options.ending.throwIfAborted()
    const plan = this.planFor(loaded.wanted)
    await this.#hold(loaded, plan)
    await this.#carryOut(plan, loaded, how)
    return answerOf(loaded, plan)
  }

  /** Closes all that `without` has less, then opens `again`: told as one plan. */
  async applyAgain(without: Proven, again: Proven): Promise<ReconcileAnswer> {
    const closing = this.planFor(without.wanted)
    await this.#carryOut(closing, without, { drainMs: 0 })
    const opening = this.planFor(again.wanted)
    const plan = asRestart(closing, opening)
    await this.#hold(again, plan)
    await this.#carryOut(opening, again, { isAsked: true })
    return answerOf(again, plan)
  }

  planFor(wanted: Wanted): Plan {
    return makePlan(wanted, this.reconciler.snapshot(), refuses)
  }

  async #hold(loaded: Proven, plan: Plan): Promise<void> {
    this.#accepted(loaded, plan)
    const { selection: brought, leases, trust } = loaded
    const selection = this.#options.remembersTrust ? await settleTrust(brought, trust.items) : brought
    this.#held = { selection, leases, loaded }
  }

  async #carryOut(plan: Plan, loaded: Proven, { drainMs, isAsked = false }: Manner = {}): Promise<void> {
    this.#options.ending.throwIfAborted()
    const { selected, wanted, seen, sshConfigFiles } = loaded
    // Before it is applied: what the plan opens is tried once, not twice.
    const woken = this.reconciler.wake(selected, isAsked)
    await this.reconciler.apply(plan, wanted, drainMs)
    await woken
    await this.#follow(seen, sshConfigFiles)
  }

  #accepted(loaded: Loaded, plan: Plan): void {
    const time = new Date().toISOString()
    const { project, warnings: problems } = loaded
    // Less of what is held: the file on disk is another one, and what is wrong with it still is.
    if (project !== this.#held.loaded?.project) {
      const { generation } = this.#config
      this.#config = taken(this.#config, { changes: !isEmpty(plan), warnings: problems, loadedAt: time })
      if (this.#config.generation !== generation)
        this.news.tell({ time, event: 'config', state: 'current', problems })
    }
    if (!isEmpty(plan)) this.news.tell({ time, event: 'plan', plan: toPlanJson(project.name, plan) })
  }

  /** What runs goes on; only a file that is held, not one that `up` brought, is worth a word in status. */
  async #refused(selection: Selection, seen: Looks, error: unknown): Promise<void> {
    const isHeld = selection === this.#held.selection && this.#config.generation > 0
    if (!isHeld || this.#options.ending.aborted) return
    const before = this.#config
    this.#config = refused(before, error)
    const { state, problems } = this.#config
    if (this.#config !== before)
      this.news.tell({ time: new Date().toISOString(), event: 'config', state, problems })
    // What is wrong may stand in a file that was not followed so far.
    await this.#follow(seen, this.#sshConfig.files)
  }

  async #follow(seen: Looks, sshConfigFiles: readonly string[]): Promise<void> {
    if (this.#options.watch) await this.#files.follow(this.#held.selection, sshConfigFiles, seen)
  }
}

function answerOf({ project, warnings }: Loaded, plan: Plan): ReconcileAnswer {
  return { plan: toPlanJson(project.name, plan), problems: warnings }
}

// Whether something answers behind one forward, while it is open: asked every interval, one check at a time. Told in
// status and nowhere acted on.
//
//   unknown ──passed──▶ healthy ──failed `retries` times in a row──▶ unhealthy ──passed──▶ healthy
//      └────────────────failed `retries` times in a row──────────────────▲
//
// It is unknown again when the forward is not open, and when another target, way or healthcheck begins.

import { runCheck } from '../health/run-check.ts'
import type { SocketAddress } from '../model/address.ts'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import type { ForwardStatus } from '../model/status.ts'
import type { WantedForward, WantedHealthcheck } from '../model/wanted.ts'
import { checkedOf } from './checked.ts'
import type { HostSlot } from './host-slot.ts'
import { aborted } from './until.ts'

/** How often an on-demand host is looked at whose use is waited for. */
const lookAgainMs = 1_000

/** What is asked about, as it is now. */
export interface Subject {
  spec: WantedForward
  slot: HostSlot
}

const undeclared: Pick<WantedHealthcheck, 'check' | 'timeoutMs'> = {
  check: { type: 'connect' },
  timeoutMs: 5_000,
}

/** Checking that goes on: from when the forward opened until it is not open, or something else is to be checked. */
interface Run {
  controller: AbortController
  healthcheck: WantedHealthcheck
  since: number
  failures: number
  underWay: Promise<Problem | null> | null
}

export class Health {
  state: ForwardStatus['health'] = 'unknown'
  /** Why it is unhealthy; null: it is not. */
  problem: Problem | null = null
  readonly #subject: () => Subject
  readonly #onChange: () => void
  #run: Run | null = null

  constructor(subject: () => Subject, onChange: () => void) {
    this.#subject = subject
    this.#onChange = onChange
  }

  /** To be called whenever the forward may have become open, or not open. */
  look(isOpen: boolean): void {
    const { healthcheck } = this.#subject().spec
    const isDue = isOpen && healthcheck !== null
    if (isDue && !this.#run) this.#start(healthcheck)
    else if (!isDue) this.stop()
  }

  /** What is checked is another thing from now on: nothing of before says anything about it. */
  stop(): void {
    this.#run?.controller.abort()
    this.#run = null
    this.#enter('unknown', null)
  }

  /**
   * One check now, which wakes the host; where there is no healthcheck, a connection. Rejects with a ProblemError, or
   * with `signal`'s reason. That it failed is told to nobody else. `counts`: the sockets at which a command finds it.
   */
  async now(signal: AbortSignal, counts: (socket: SocketAddress) => boolean = () => true): Promise<void> {
    const run = this.#run
    if (run?.underWay) {
      const problem = await Promise.race([run.underWay, rejected(signal)])
      if (!problem) return
      if (isConclusive(problem)) throw new ProblemError(problem)
    }
    const { spec, slot } = this.#subject()
    const { check, timeoutMs } = spec.healthcheck ?? undeclared
    const meant = spec.kind === 'remote' ? spec : { ...spec, listen: spec.listen.filter(counts) }
    await runCheck(check, checkedOf(meant, slot, { wakes: true }), { limitMs: timeoutMs, signal })
    if (run && run === this.#run) this.#passed(run)
  }

  #start(healthcheck: WantedHealthcheck): void {
    const controller = new AbortController()
    const run: Run = { controller, healthcheck, since: performance.now(), failures: 0, underWay: null }
    this.#run = run
    void this.#goOn(run)
  }

  async #goOn(run: Run): Promise<void> {
    const { signal } = run.controller
    const { intervalMs } = run.healthcheck
    while (!signal.aborted) {
      const mayAsk = this.#mayAsk(run)
      if (mayAsk) await this.#once(run)
      await aborted(signal, mayAsk ? intervalMs : Math.min(intervalMs, lookAgainMs) * (0.5 + Math.random()))
    }
  }

  /**
   * A command's connections are anybody's: they must not be what keeps an on-demand host connected, nor may two commands
   * take each other for somebody who uses it.
   */
  #mayAsk({ healthcheck }: Run): boolean {
    const { slot } = this.#subject()
    if (healthcheck.check.type !== 'command' || slot.spec.connect === 'always') return true
    return slot.current?.unusedSinceMs === null && slot.commandChecks === 0
  }

  async #once(run: Run): Promise<void> {
    const { signal } = run.controller
    const { spec, slot } = this.#subject()
    const { check, timeoutMs } = run.healthcheck
    const checked = checkedOf(spec, slot, { wakes: false })
    if (check.type === 'command') slot.commandChecks += 1
    run.underWay = runCheck(check, checked, { limitMs: timeoutMs, signal }).then(() => null, problemOf)
    const problem = await run.underWay
    run.underWay = null
    if (check.type === 'command') slot.commandChecks -= 1
    if (signal.aborted) return
    if (!problem) this.#passed(run)
    else if (isConclusive(problem)) this.#failed(run, problem)
  }

  #passed(run: Run): void {
    run.failures = 0
    this.#enter('healthy', null)
  }

  #failed(run: Run, cause: Problem): void {
    const { retries, startPeriodMs } = run.healthcheck
    const isStarting = this.state === 'unknown' && performance.now() - run.since < startPeriodMs
    if (isStarting) return
    run.failures += 1
    if (run.failures < retries) return
    const { name } = this.#subject().spec
    const times = run.failures === 1 ? 'its check has failed' : `${run.failures} checks in a row have failed`
    this.#enter('unhealthy', {
      ...cause,
      code: 'UNHEALTHY',
      summary: `${name} is unhealthy, ${times}: ${cause.summary}`,
    })
  }

  #enter(state: ForwardStatus['health'], problem: Problem | null): void {
    const isNews = state !== this.state
    this.state = state
    this.problem = problem
    if (isNews) this.#onChange()
  }
}

/** What became of the host, or that we ourselves have no room, says nothing of the target. */
function isConclusive({ code }: Problem): boolean {
  return !code.startsWith('HOST_') && code !== 'LIMIT_REACHED'
}

async function rejected(signal: AbortSignal): Promise<never> {
  await aborted(signal)
  throw signal.reason
}

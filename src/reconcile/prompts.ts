// The questions that hosts of a supervisor ask a person, and whether one is there. Who shows them and types the
// answers is at the other end of the control socket; a host shows its own in its status.

import { randomUUID } from 'node:crypto'
import type { Prompt, Question } from '../model/prompt.ts'

interface Open {
  prompt: Prompt
  settle(answers: string[] | null): void
}

/** A question that is open: what stands in the status, and what comes of it. */
export interface Asked {
  prompt: Prompt
  /** Null: who was there said nothing, or left. Rejects with the signal's reason. */
  answers: Promise<string[] | null>
}

export class Prompts {
  readonly #open = new Map<string, Open>()
  #attending = 0
  #stopExpecting: () => void = () => {}

  /** Somebody is there until the returned function is called; when the last one leaves, nobody answers what is open. */
  attend(): () => void {
    this.#attending += 1
    this.#stopExpecting()
    let isThere = true
    return () => {
      if (!isThere) return
      isThere = false
      this.#attending -= 1
      if (this.#attending === 0) for (const { settle } of [...this.#open.values()]) settle(null)
    }
  }

  /** Somebody is on the way: as good as there for `limitMs`, or until the first one is. */
  expect(limitMs: number): void {
    const leave = this.attend()
    const timer = setTimeout(leave, limitMs)
    timer.unref()
    this.#stopExpecting = () => {
      clearTimeout(timer)
      leave()
    }
  }

  /** Null where nobody is there to ask. */
  ask(host: string, question: Question, signal: AbortSignal): Asked | null {
    signal.throwIfAborted()
    if (this.#attending === 0) return null
    const prompt: Prompt = { ...question, id: randomUUID(), host }
    const answers = new Promise<string[] | null>((resolve, reject) => {
      const abort = () => {
        this.#open.delete(prompt.id)
        reject(signal.reason)
      }
      const settle = (given: string[] | null) => {
        this.#open.delete(prompt.id)
        signal.removeEventListener('abort', abort)
        resolve(given)
      }
      this.#open.set(prompt.id, { prompt, settle })
      signal.addEventListener('abort', abort, { once: true })
    })
    return { prompt, answers }
  }

  /** The first answer counts. What is wrong with this one, where something is. */
  answer(id: string, answers: string[] | null): 'taken' | 'gone' | 'other-count' {
    const open = this.#open.get(id)
    if (!open) return 'gone'
    if (answers !== null && answers.length !== open.prompt.fields.length) return 'other-count'
    open.settle(answers)
    return 'taken'
  }
}

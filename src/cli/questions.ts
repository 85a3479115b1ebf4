// Asks the person at this terminal what hosts want to know, one question at a time, and carries the answers to
// whoever supervises. A question that somebody else answers first, or that is not asked any more, is taken back.

import type { AnswerRequest } from '../control/protocol.ts'
import type { Prompt, Question } from '../model/prompt.ts'
import { formatField, formatQuestion } from '../view/question.ts'
import type { Invocation } from './invocation.ts'
import { type Line, readLine } from './read-line.ts'

export interface QuestionsOptions {
  answer(request: AnswerRequest): Promise<void>
  /** The terminal is needed; resolves when it is free. */
  takeTerminal(): Promise<void>
  giveTerminalBack(): Promise<void>
}

/** Somebody is there to ask, and nobody parses what we print. */
export function canAsk({ options, terminal }: Invocation): boolean {
  return terminal.hasPerson && !options.json
}

export class Questions {
  readonly #invocation: Invocation
  readonly #options: QuestionsOptions
  readonly #over = new AbortController()
  /** Of prompts that were answered here, well or not. */
  readonly #done = new Set<string>()
  #open: readonly Prompt[] = []
  #current: { id: string; withdraw: AbortController } | null = null
  #running: Promise<void> | null = null

  constructor(invocation: Invocation, options: QuestionsOptions) {
    this.#invocation = invocation
    this.#options = options
  }

  /** The terminal is ours. */
  get isAsking(): boolean {
    return this.#running !== null
  }

  /** To be called with all prompts that are open, whenever they may be others. */
  update(open: readonly Prompt[]): void {
    this.#open = open
    const current = this.#current
    if (current && !open.some(({ id }) => id === current.id)) current.withdraw.abort()
    if (!this.#running && this.#next()) this.#running = this.#askAll()
  }

  /** Takes back what is asked. Resolves when the terminal is as it was. */
  async stop(): Promise<void> {
    this.#over.abort()
    await this.#running
  }

  async #askAll(): Promise<void> {
    await this.#options.takeTerminal()
    for (let prompt = this.#next(); prompt; prompt = this.#next()) await this.#ask(prompt)
    this.#running = null
    await this.#options.giveTerminalBack()
  }

  #next(): Prompt | undefined {
    return this.#over.signal.aborted ? undefined : this.#open.find(({ id }) => !this.#done.has(id))
  }

  async #ask(prompt: Prompt): Promise<void> {
    const withdraw = new AbortController()
    const signal = AbortSignal.any([withdraw.signal, this.#over.signal])
    this.#current = { id: prompt.id, withdraw }
    this.#done.add(prompt.id)
    try {
      const answers = await askHere(this.#invocation, prompt, signal)
      await this.#options.answer({ id: prompt.id, answers: answers === 'interrupt' ? null : answers })
      // As the terminal would have done it: whatever this verb does at Ctrl-C, it does now.
      if (answers === 'interrupt') process.kill(process.pid, 'SIGINT')
    } catch {
      if (withdraw.signal.aborted) this.#invocation.terminal.note('(no answer is needed any more)')
    } finally {
      this.#current = null
    }
  }
}

/** Shows the question and reads the answers. `interrupt`: Ctrl-C. Null: no answer. Rejects with the signal's reason. */
export async function askHere(
  { terminal }: Invocation,
  question: Question,
  signal: AbortSignal,
): Promise<string[] | null | 'interrupt'> {
  let above = formatQuestion(question, { color: terminal.color.err })
  const answers: string[] = []
  const fields = question.fields.length > 0 ? question.fields : [{ text: 'Enter goes on', echo: true }]
  for (const { text, echo } of fields) {
    const line: Line = await readLine({ above, text: formatField(text), echo }, signal)
    above = []
    if (line === 'interrupt') return line
    if (line === 'end') return null
    answers.push(line.typed)
  }
  return answers.slice(0, question.fields.length)
}

// What `up --http` asks for, while the supervisor lives: one address at a time, and the last one stays where an `up` that
// asks for another does not succeed.

import { type HttpEnd, openHttpEnd, type Shown } from './http-end.ts'

export class HttpService {
  readonly #look: () => Shown
  #end: HttpEnd | null = null

  constructor(look: () => Shown) {
    this.#look = look
  }

  /** What is really bound; null: nothing is. */
  get addresses(): string[] | null {
    return this.#end?.addresses ?? null
  }

  /** Served at `http` (absent: as before) from before `work` on; where that fails, as before. */
  async during<T>(http: string | null | undefined, work: () => Promise<T>): Promise<T> {
    const previous = this.#end
    if (!http || http === previous?.asked) return work()
    const next = await openHttpEnd(http, this.#look)
    this.#end = next
    try {
      const answer = await work()
      await previous?.close()
      return answer
    } catch (error) {
      this.#end = previous
      await next.close()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#end?.close()
  }
}

// Who wants a host right now, beside those whose connections go through it: whoever waits for it, and what cannot be
// without it, such as a listener over there. What follows from that is host-slot.ts's.

import { once } from '../forward/once.ts'

export class Demand {
  #count = 0
  readonly #onChange: () => void

  /** `onChange`: called with the first who comes, and with the last who goes. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  get isThere(): boolean {
    return this.#count > 0
  }

  /** Until the returned function is called (more than once is harmless). */
  take(): () => void {
    this.#change(1)
    return once(() => this.#change(-1))
  }

  #change(by: 1 | -1): void {
    const before = this.isThere
    this.#count += by
    if (before !== this.isThere) this.#onChange()
  }
}

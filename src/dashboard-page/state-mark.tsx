// How a host or a forward is: a word, and a mark whose shape says the same as its colour.

import type { ForwardStatus, State } from '../model/status.ts'

const looks: Readonly<Record<State, 'good' | 'busy' | 'bad' | 'still'>> = {
  opening: 'busy',
  open: 'good',
  retrying: 'busy',
  waiting: 'busy',
  idle: 'good',
  draining: 'still',
  failed: 'bad',
  closed: 'still',
}

export function StateMark({ state, health = 'unknown' }: { state: State; health?: ForwardStatus['health'] }) {
  const look = health === 'unhealthy' ? 'bad' : looks[state]
  return (
    <span class={`mark ${look}`}>
      <svg viewBox="0 0 10 10" aria-hidden="true">
        {shapes[look]}
      </svg>
      {state}
      {health !== 'unknown' && `, ${health}`}
    </span>
  )
}

const shapes = {
  good: <circle cx="5" cy="5" r="4" />,
  busy: <path d="M5 1 9 9H1z" />,
  bad: <path d="M1 1h8v8H1z" />,
  still: <circle cx="5" cy="5" r="3" class="hollow" />,
}

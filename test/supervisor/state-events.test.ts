import { expect, test } from 'vitest'
import type { Prompt } from '../../src/model/prompt.ts'
import type { ForwardStatus, HostStatus, State } from '../../src/model/status.ts'
import { see, stateEvents } from '../../src/supervisor/state-events.ts'

function forward(state: State): ForwardStatus {
  return { name: 'web', state, problem: null } as ForwardStatus
}

function told(before: State[], now: State[]): string[] {
  const world = (states: State[]) => ({ hosts: [], forwards: states.map(forward) })
  return stateEvents(see(world(before)), world(now), 'now').map((event) =>
    event.event === 'state' ? event.state : event.event,
  )
}

test('what is in another state than before is told once, and what is gone is closed', () => {
  expect(told(['opening'], ['open'])).toEqual(['open'])
  expect(told(['open'], ['open'])).toEqual([])
  expect(told(['open'], ['draining'])).toEqual(['draining'])
  expect(told(['draining'], [])).toEqual(['closed'])
})

test('a forward that is back under the name of one that still drains is told of, not hidden by it', () => {
  expect(told(['draining'], ['open', 'draining'])).toEqual(['open'])
  expect(told(['draining'], ['draining', 'open'])).toEqual(['open'])
  expect(told(['open', 'draining'], ['open'])).toEqual([])
})

test('a question is told when it is asked, when it is another one, and when it is over', () => {
  const asks = (id: string | null) => {
    const prompt = id && ({ id, host: 'acme' } as Prompt)
    const acme = { name: 'acme', state: 'waiting', problem: null, ...(prompt && { prompt }) } as HostStatus
    return { hosts: [acme], forwards: [] }
  }
  const between = (before: string | null, now: string | null) =>
    stateEvents(see(asks(before)), asks(now), 'now').map((event) =>
      event.event === 'prompt' ? (event.prompt?.id ?? null) : event.event,
    )
  expect(between(null, 'one')).toEqual(['one'])
  expect(between('one', 'one')).toEqual([])
  expect(between('one', 'two')).toEqual(['two'])
  expect(between('one', null)).toEqual([null])
})

test('a connection that takes over, or cannot be made, is told of, although the host was open all the time', () => {
  const next = { endpoint: 'other@acme:22', since: 'then', state: 'opening' as const }
  const acme = { name: 'acme', state: 'open', problem: null } as HostStatus
  const between = (before: HostStatus, now: HostStatus) =>
    stateEvents(see({ hosts: [before], forwards: [] }), { hosts: [now], forwards: [] }, 'now')
  expect(between({ ...acme, next }, acme)).toMatchObject([{ event: 'state', name: 'acme', state: 'open' }])
  expect(between(acme, { ...acme, next })).toEqual([])
  const retrying = { ...acme, next: { ...next, state: 'retrying' as const } }
  expect(between({ ...acme, next }, retrying)).toMatchObject([{ event: 'state', state: 'open' }])
  expect(between(retrying, { ...acme, next })).toEqual([])
})

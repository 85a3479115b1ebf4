// What is told of a host, step by step: the values alone, without a connection.

import { expect, test } from 'vitest'
import { formatEndpoint } from '../../src/model/wanted.ts'
import {
  afterLoss,
  became,
  entered,
  hostStatus,
  opening,
  problemShown,
  type Shown,
  wayOf,
} from '../../src/reconcile/host-shown.ts'
import { host } from '../plan/wanted.ts'

const [start, later] = [new Date(0), new Date(1000)]
const problem = { code: 'HOST_UNREACHABLE', summary: 'nobody is there' } as const
const open: Shown = entered({ ...opening(start), next: null }, 'open', null, start)
const none = { rttMs: null, reconnects: 0, retryAt: null, prompt: null }

test('a state is as old as the last one that was another', () => {
  expect(entered(open, 'open', problem, later)).toEqual({ ...open, problem })
  expect(entered(open, 'retrying', problem, later)).toEqual({
    ...open,
    state: 'retrying',
    since: later,
    problem,
  })
})

test('while a connection of an older spec serves, trouble is that of the attempt, and the host stays open', () => {
  const shown = became({ ...open, next: opening(later) }, 'failed', problem, later)
  expect(shown).toEqual({ ...open, next: { state: 'failed', since: later, problem } })
  expect([wayOf(shown), problemShown(shown)]).toEqual(['failed', problem])
  const [before, after] = [formatEndpoint(host('acme')), formatEndpoint(host('acme', { port: 2222 }))]
  expect(hostStatus(host('acme', { port: 2222 }), shown, before, none)).toMatchObject({
    endpoint: before,
    state: 'open',
    problem: { ...problem, summary: `acme still goes through ${before}: nobody is there` },
    next: { endpoint: after, state: 'failed' },
  })
})

test('with nothing beside it, what is on its way is the host itself', () => {
  expect(became(open, 'retrying', problem, later)).toEqual(entered(open, 'retrying', problem, later))
  expect(became({ ...open, problem }, 'opening', undefined, later).problem).toEqual(problem)
})

test('after a loss it is where the attempt beside it has come to, or it is retried', () => {
  expect(afterLoss(open, problem)).toEqual({ state: 'retrying', problem })
  expect(afterLoss({ ...open, next: opening(later) }, problem)).toEqual({ state: 'retrying', problem })
  const refused = { code: 'AUTH_FAILED', summary: 'no key is taken' } as const
  const next = { ...opening(later), state: 'failed', problem: refused } as const
  expect(afterLoss({ ...open, next }, problem)).toEqual({ state: 'failed', problem: refused })
})

import { expect, test } from 'vitest'
import { exitCodeOfForwards } from '../../src/cli/exit-code.ts'
import { troubledForwards } from '../../src/cli/tell-troubles.ts'
import type { Problem } from '../../src/model/problem.ts'
import type { Status } from '../../src/model/status.ts'

const forward = { name: 'web', via: 'acme', state: 'open', problem: null }
const next = { endpoint: 'me@new:22', state: 'retrying', since: '' }

function trouble(problem: Problem) {
  const status = { hosts: [{ name: 'acme', state: 'open', problem, next }], forwards: [forward] }
  return troubledForwards(status as unknown as Status, null)
}

test('a forward that goes on over the old connection has what keeps the new one', () => {
  const problem: Problem = { code: 'HOST_UNREACHABLE', summary: 'new is down' }
  const forwards = trouble(problem)
  expect(forwards).toEqual([{ ...forward, problem }])
  expect(exitCodeOfForwards(forwards)).toBe(1)
  expect(exitCodeOfForwards(trouble({ code: 'AUTH_NEEDS_PERSON', summary: 'who is it' }))).toBe(4)
})

test('a warning of a host that is open is no trouble of its forwards', () => {
  const problem: Problem = { code: 'CONFIG_WARNING', summary: 'a warning', severity: 'warning' }
  const hosts = [{ name: 'acme', state: 'open', problem }]
  expect(troubledForwards({ hosts, forwards: [forward] } as unknown as Status, null)).toEqual([])
})

test('what an idle forward met at its last use is no reason to say that it did not come up', () => {
  const problem: Problem = { code: 'HOST_UNREACHABLE', summary: 'acme was down' }
  const idle = { ...forward, state: 'idle', problem }
  const hosts = [{ name: 'acme', state: 'idle', problem }]
  expect(troubledForwards({ hosts, forwards: [idle] } as unknown as Status, null)).toEqual([])
})

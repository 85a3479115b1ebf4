import { describe, expect, test } from 'vitest'
import { type Problem, ProblemError } from '../../src/model/problem.ts'
import type { Question } from '../../src/model/prompt.ts'
import { formatEndpoint } from '../../src/model/wanted.ts'
import type { Connect } from '../../src/reconcile/attempt.ts'
import { HostSlot } from '../../src/reconcile/host-slot.ts'
import { Prompts } from '../../src/reconcile/prompts.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { startEcho } from '../helpers/servers.ts'
import { host } from '../plan/wanted.ts'
import { plainNetwork } from './plain-carrier.ts'

test('nobody waits for a host who has gone already, or goes while it waits', async () => {
  const { connect, refuse } = plainNetwork()
  refuse.set('acme', { code: 'HOST_UNREACHABLE', summary: 'nobody is there' })
  const slot = new HostSlot(host('acme', { connectTimeoutMs: 2 ** 31 - 1 }), null, surroundings(connect))
  atEnd(() => slot.retire(true))
  await expect(slot.carrier(AbortSignal.abort('gone'))).rejects.toBe('gone')
  const leaving = new AbortController()
  const waiting = slot.carrier(leaving.signal)
  leaving.abort('gone, too')
  await expect(waiting).rejects.toBe('gone, too')
})

test('who waits is told at once when the host is closed', async () => {
  const { connect, refuse } = plainNetwork()
  refuse.set('acme', { code: 'HOST_UNREACHABLE', summary: 'nobody is there' })
  const slot = new HostSlot(host('acme', { connectTimeoutMs: 2 ** 31 - 1 }), null, surroundings(connect))
  const waiting = slot.carrier(new AbortController().signal)
  slot.retire(false)
  await expect(waiting).rejects.toMatchObject({ problems: [{ code: 'HOST_LOST' }] })
})

test('a reconnect is one that nobody asked for: a change is none, a loss is one', async () => {
  const { connect, made } = plainNetwork()
  const reconnect = { initialMs: 1, maxMs: 1, attempts: Number.POSITIVE_INFINITY }
  const slot = new HostSlot(host('acme', { reconnect }), null, surroundings(connect))
  atEnd(() => slot.retire(true))
  const isServed = (count: number) => made.length === count && slot.current?.carrier === made.at(-1)!.carrier
  await eventually(() => isServed(1))
  slot.reopen(host('acme', { reconnect, user: 'other' }), null)
  await eventually(() => isServed(2))
  expect(slot.status().reconnects).toBe(0)
  made[1]!.lose()
  await eventually(() => isServed(3))
  expect(slot.status().reconnects).toBe(1)
  slot.reopen(host('acme', { reconnect }), null)
  await eventually(() => isServed(4))
  expect(slot.status().reconnects).toBe(1)
})

describe('a change of a host whose new connection cannot be made', () => {
  const reconnect = { initialMs: 2 ** 30, maxMs: 2 ** 30, attempts: Number.POSITIVE_INFINITY }
  const [before, after] = [
    host('acme', { reconnect }),
    host('acme', { reconnect, user: 'other', port: 2222 }),
  ]

  async function kept(problem: Problem) {
    const network = plainNetwork()
    const slot = new HostSlot(before, null, surroundings(network.connect))
    atEnd(() => slot.retire(true))
    await eventually(() => slot.current)
    network.refuse.set('other@acme', problem)
    slot.reopen(after, null)
    return { ...network, slot }
  }
  const refused: Problem = { code: 'HOST_UNREACHABLE', summary: 'it refuses connections', hint: 'start it' }

  test('the status names the connection that serves, and the one that is tried from the moment of the change', async () => {
    const { slot } = await kept(refused)
    const endpoint = formatEndpoint(before)
    const next = { endpoint: formatEndpoint(after), since: expect.any(String) }
    expect(slot.status()).toMatchObject({ endpoint, state: 'open', problem: null })
    expect(slot.status().next).toEqual({ ...next, state: 'opening' })
    await eventually(() => slot.status().problem)
    expect(slot.status()).toMatchObject({ endpoint, state: 'open', retryAt: expect.any(String) })
    expect(slot.status().next).toEqual({ ...next, state: 'retrying' })
    expect(slot.status().problem).toEqual({
      ...refused,
      summary: `acme still goes through ${endpoint}: it refuses connections`,
    })
  })

  test('once it is made nothing of this is left', async () => {
    const { slot, refuse } = await kept(refused)
    await eventually(() => slot.status().problem)
    refuse.clear()
    slot.wake()
    await eventually(() => !slot.status().next)
    expect(slot.status()).toMatchObject({ endpoint: formatEndpoint(after), state: 'open', problem: null })
  })

  test('a change back says nothing any more of what could not be reached', async () => {
    const { slot } = await kept(refused)
    await eventually(() => slot.status().problem)
    slot.reopen(before, null)
    expect(slot.status()).toMatchObject({ endpoint: formatEndpoint(before), state: 'open', problem: null })
    await eventually(() => !slot.status().next)
  })

  test('with the old connection gone, it is what the attempt has come to', async () => {
    const { slot, made } = await kept({ code: 'AUTH_FAILED', summary: 'no key is taken' })
    await eventually(() => slot.status().next?.state === 'failed')
    expect(slot.isGivenUp).toBe(false)
    made[0]!.lose()
    expect(slot.status()).toMatchObject({
      endpoint: formatEndpoint(after),
      state: 'failed',
      problem: { code: 'AUTH_FAILED', summary: 'no key is taken' },
    })
    expect(slot.status().next).toBeUndefined()
    expect(slot.isGivenUp).toBe(true)
  })
})

describe('a question of a host', () => {
  const question: Question = {
    kind: 'password',
    summary: 'acme wants a password',
    fields: [{ text: 'Password', echo: false }],
  }

  /** A host that connects once its question has been answered. */
  function asking(prompts: Prompts) {
    const answered: (string[] | null)[] = []
    const changes: string[] = []
    const { connect } = plainNetwork()
    const asks: Connect = async (spec, options) => {
      await new Promise((resolve) => setImmediate(resolve))
      if (spec.name !== 'acme') return connect(spec, options)
      const answers = await options.ask!(question, options.signal)
      answered.push(answers)
      if (answers) return connect(spec, options)
      throw new ProblemError({ code: 'AUTH_NEEDS_PERSON', summary: 'a person is needed' })
    }
    let slot: HostSlot | null = null
    const onChange = () => void changes.push(slot?.status().state ?? 'opening')
    slot = new HostSlot(host('acme'), null, surroundings(asks, prompts, onChange))
    atEnd(() => slot.retire(true))
    return { slot, answered, changes, asks }
  }

  test('nobody is there: it waits for a person, given up', async () => {
    const { slot, answered } = asking(new Prompts())
    await eventually(() => slot.isGivenUp)
    expect(slot.status()).toMatchObject({ state: 'waiting', problem: { code: 'AUTH_NEEDS_PERSON' } })
    expect(slot.status().prompt).toBeUndefined()
    expect(answered).toEqual([null])
  })

  test('somebody is there: the question stands in the status, who waits goes on waiting, the answer opens it', async () => {
    const prompts = new Prompts()
    prompts.attend()
    const { slot, answered, changes } = asking(prompts)
    const carrier = slot.carrier(new AbortController().signal)
    const prompt = await eventually(() => slot.status().prompt)
    expect(slot.status()).toMatchObject({ state: 'waiting', problem: null })
    expect(prompt).toMatchObject({ host: 'acme', kind: 'password', fields: question.fields })
    expect(slot.isGivenUp).toBe(false)
    expect(prompts.answer(prompt.id, ['one', 'too many'])).toBe('other-count')
    expect(prompts.answer('another', ['x'])).toBe('gone')
    expect(prompts.answer(prompt.id, ['secret'])).toBe('taken')
    expect(prompts.answer(prompt.id, ['later'])).toBe('gone')
    await carrier
    expect(answered).toEqual([['secret']])
    expect(slot.status()).toMatchObject({ state: 'open', problem: null })
    expect(slot.status().prompt).toBeUndefined()
    expect(changes).toContain('waiting')
  })

  test('when the last person leaves, nobody answers; with one more there, it goes on', async () => {
    const prompts = new Prompts()
    const [leave, other] = [prompts.attend(), prompts.attend()]
    const { slot, answered } = asking(prompts)
    await eventually(() => slot.status().prompt)
    leave()
    leave()
    expect(slot.status().prompt).toBeDefined()
    other()
    await eventually(() => slot.isGivenUp)
    expect(answered).toEqual([null])
  })

  test('somebody who is expected counts as there, until the first one has come and gone', async () => {
    const prompts = new Prompts()
    prompts.expect(2 ** 31 - 1)
    const { slot } = asking(prompts)
    const { id } = await eventually(() => slot.status().prompt)
    const leave = prompts.attend()
    expect(slot.status().prompt?.id).toBe(id)
    leave()
    await eventually(() => slot.isGivenUp)
  })

  test('a host that goes takes its question with it', async () => {
    const prompts = new Prompts()
    prompts.attend()
    const { slot } = asking(prompts)
    const { id } = await eventually(() => slot.status().prompt)
    slot.retire(true)
    expect(prompts.answer(id, ['x'])).toBe('gone')
    await eventually(() => !slot.status().prompt)
    expect(slot.status().state).toBe('closed')
  })

  test('a host behind one that asks is on its way, not given up', async () => {
    const prompts = new Prompts()
    prompts.attend()
    const { slot: jump, asks } = asking(prompts)
    const { port } = await startEcho()
    const db = host('db', { jump: 'acme', hostname: '127.0.0.1', port })
    const behind = new HostSlot(db, jump, surroundings(asks, prompts))
    atEnd(() => behind.retire(true))
    const { id } = await eventually(() => jump.status().prompt)
    const carrier = behind.carrier(new AbortController().signal)
    expect(behind.status()).toMatchObject({ state: 'opening', problem: null })
    prompts.answer(id, ['secret'])
    await carrier
    expect(behind.status().state).toBe('open')
  })
})

function onAbort(signal: AbortSignal, then: (reason: unknown) => void) {
  signal.addEventListener('abort', () => then(signal.reason), { once: true })
}

function surroundings(connect: Connect, prompts = new Prompts(), onChange = () => {}) {
  return { connect, prompts, onChange }
}

describe('when this machine slept, or its network is another', () => {
  const reconnect = { initialMs: 2 ** 30, maxMs: 2 ** 30, attempts: Number.POSITIVE_INFINITY }

  test('a host that waits for its next try is tried at once', async () => {
    const { connect, refuse, made } = plainNetwork()
    refuse.set('acme', { code: 'HOST_PROTOCOL', summary: 'something else answers' })
    const slot = new HostSlot(host('acme', { reconnect }), null, surroundings(connect))
    atEnd(() => slot.retire(true))
    await eventually(() => slot.status().retryAt)
    refuse.clear()
    slot.surroundingsChanged()
    await eventually(() => made.length === 1 && slot.current)
  })

  test('an attempt that got nowhere is made anew: the answer may be on its way to an address that is gone', async () => {
    const { connect } = plainNetwork()
    let stuck = 0
    const first: Connect = (spec, options) => {
      stuck += 1
      return stuck > 1 ? connect(spec, options) : new Promise((_, reject) => onAbort(options.signal, reject))
    }
    const slot = new HostSlot(host('acme'), null, surroundings(first))
    atEnd(() => slot.retire(true))
    await eventually(() => stuck === 1)
    // One that has only begun goes on: addresses may come and go by the second.
    slot.surroundingsChanged()
    expect(stuck).toBe(1)
    await eventually(() => {
      slot.surroundingsChanged()
      return slot.state === 'open'
    })
    expect(stuck).toBe(2)
  })

  test('one whose key was refused is left alone', async () => {
    const { connect, refuse } = plainNetwork()
    refuse.set('acme', { code: 'AUTH_FAILED', summary: 'the key is refused' })
    let attempts = 0
    const counting: Connect = (...args) => {
      attempts += 1
      return connect(...args)
    }
    const slot = new HostSlot(host('acme', { reconnect }), null, surroundings(counting))
    atEnd(() => slot.retire(true))
    await eventually(() => slot.state === 'failed')
    slot.surroundingsChanged()
    await new Promise((resolve) => setImmediate(resolve))
    expect({ attempts, state: slot.state }).toEqual({ attempts: 1, state: 'failed' })
  })

  test('the connection that is open is asked at once', async () => {
    const { connect } = plainNetwork()
    let asked = 0
    const asking: Connect = async (...args) => {
      const networkChanged = () => {
        asked += 1
      }
      return Object.assign(await connect(...args), { networkChanged })
    }
    const slot = new HostSlot(host('acme'), null, surroundings(asking))
    atEnd(() => slot.retire(true))
    await eventually(() => slot.current)
    slot.surroundingsChanged()
    expect(asked).toBe(1)
  })
})

test('a server that drops us as soon as we are there is asked less and less often', async () => {
  const { connect, made } = plainNetwork()
  const reconnect = { initialMs: 50, maxMs: 2 ** 30, attempts: Number.POSITIVE_INFINITY }
  const slot = new HostSlot(host('acme', { reconnect }), null, surroundings(connect))
  atEnd(() => slot.retire(true))
  const longest = { ms: 0 }
  const dropped = async () => {
    const count = made.length
    made.at(-1)!.lose()
    await eventually(() => made.length > count || slot.status().retryAt)
    const { retryAt } = slot.status()
    if (retryAt) longest.ms = Math.max(longest.ms, Date.parse(retryAt) - Date.now())
    slot.surroundingsChanged()
    await eventually(() => made.length > count && slot.current)
  }
  await eventually(() => slot.current)
  for (let time = 0; time < 14; time++) await dropped()
  expect(longest.ms).toBeGreaterThan(1_000)
})

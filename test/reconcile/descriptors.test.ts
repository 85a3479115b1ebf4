import { expect, test } from 'vitest'
import { descriptorProblem, descriptorSettled } from '../../src/forward/descriptors.ts'
import { HostSlot } from '../../src/reconcile/host-slot.ts'
import { Prompts } from '../../src/reconcile/prompts.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { host } from '../plan/wanted.ts'
import { plainNetwork } from './plain-carrier.ts'

/** Resolves when nothing more is granted, and has not been for a while: the process may just be closing some of its own. */
async function takeAll(what: 'connection' | 'host'): Promise<() => void> {
  let granted = 0
  let quiet = 0
  await eventually(() => {
    const before = granted
    while (descriptorProblem(what) === null) granted += 1
    quiet = granted === before ? quiet + 1 : 0
    return quiet > 10
  })
  return () => {
    for (; granted > 0; granted--) descriptorSettled()
  }
}

test.runIf(process.platform === 'linux')(
  'a host is connected anew where connections have taken all they may; where nothing is left it says so, and heals',
  async () => {
    const { connect, made } = plainNetwork()
    const open = (name: string) => {
      const slot = new HostSlot(host(name), null, { connect, onChange: () => {}, prompts: new Prompts() })
      atEnd(() => slot.retire(true))
      return slot
    }
    const giveBackConnections = await takeAll('connection')
    atEnd(giveBackConnections)
    const first = open('first')
    await eventually(() => first.state === 'open')
    const giveBackHosts = await takeAll('host')
    atEnd(giveBackHosts)
    const second = open('second')
    // Between two tries: during one there is no time of the next.
    const status = await eventually(() => {
      const now = second.status()
      return now.state === 'retrying' && now.retryAt !== null && now
    })
    expect(status).toMatchObject({ problem: { code: 'LIMIT_REACHED' } })
    expect(made.length).toBe(1)
    giveBackHosts()
    giveBackConnections()
    await eventually(() => second.state === 'open')
  },
)

// A reconciler over plain carriers, and a client of its forwards.

import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import { expect } from 'vitest'
import type { Wanted } from '../../src/model/wanted.ts'
import { formatSteps } from '../../src/plan/plan.ts'
import { makePlan } from '../../src/plan/planner.ts'
import { Reconciler } from '../../src/reconcile/reconciler.ts'
import { refuses } from '../../src/reconcile/route.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { plainNetwork } from './plain-carrier.ts'

export function world() {
  const network = plainNetwork()
  const reconciler = new Reconciler(network.connect, () => {})
  atEnd(() => reconciler.close(0))
  const planFor = (target: Wanted) => makePlan(target, reconciler.snapshot(), refuses)
  return {
    ...network,
    reconciler,
    planFor,
    async apply(target: Wanted) {
      const plan = planFor(target)
      await reconciler.apply(plan, target)
      expect(formatSteps(planFor(target))).toBe('')
      return plan
    },
    forward: (name: string) => reconciler.forwards().find((status) => status.name === name)!,
    host: (name: string) => reconciler.hosts().find((status) => status.name === name)!,
    isOpen: (name: string) =>
      eventually(() =>
        expect(reconciler.forwards()).toContainEqual(expect.objectContaining({ name, state: 'open' })),
      ),
  }
}

export async function openEcho(port: number): Promise<Socket & { says(text: string): Promise<string> }> {
  const socket = dial(port, '127.0.0.1')
  atEnd(() => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return Object.assign(socket, {
    async says(text: string) {
      socket.write(text)
      const [chunk] = await once(socket, 'data')
      return String(chunk)
    },
  })
}

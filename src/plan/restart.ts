// What a restart did, told as one plan: what was closed and opened again was reopened, for no reason of the file's.

import type { Plan, PlanChange } from './plan.ts'

export function asRestart(closing: Plan, opening: Plan): Plan {
  const isSame = (a: PlanChange, b: PlanChange) => a.what === b.what && a.name === b.name
  const changes = opening.changes.map((opened): PlanChange => {
    const closed = closing.changes.find((change) => isSame(change, opened))
    return closed ? { ...opened, action: 'reopen', cause: 'changed', interrupts: closed.interrupts } : opened
  })
  const gone = closing.changes.filter((closed) => !opening.changes.some((opened) => isSame(closed, opened)))
  return { changes: [...changes, ...gone], steps: [...closing.steps, ...opening.steps] }
}

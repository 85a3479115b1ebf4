// What would change, as a value that a person reads and a test compares.

export type PlanAction = 'open' | 'update' | 'reopen' | 'close'
export type PlanCause = 'declared' | 'removed' | 'deselected' | 'changed' | 'needed' | 'unused'

export interface PlanChange {
  action: PlanAction
  what: 'host' | 'forward'
  name: string
  cause: PlanCause
  fields: string[]
  /** Open connections that will drain or be cut. */
  interrupts: number
}

/** `tunnels plan --json`. */
export interface PlanJson {
  project: string
  changes: PlanChange[]
  summary: Record<PlanAction, number>
}

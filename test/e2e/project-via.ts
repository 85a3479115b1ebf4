// A project whose forwards go through real servers, and the short ways to ask it how it is.

import type { Event } from '../../src/control/protocol.ts'
import type { ForwardStatus } from '../../src/model/status.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import type { Sshd } from '../helpers/sshd.ts'

type Yaml = Record<string, unknown>

/** Every forward goes via `acme`, which is this server. Not started yet. */
export function projectVia(
  sshd: Sshd,
  forwards: Record<string, Yaml>,
  { host = {}, env = {} }: { host?: Yaml; env?: Record<string, string> } = {},
): CliProject {
  return project({ 'tunnels.yaml': fileVia(sshd, forwards, host) }, env)
}

export function fileVia(sshd: Sshd, forwards: Record<string, Yaml>, host: Yaml = {}): string {
  const defaults = JSON.stringify({ forwards: { via: 'acme' } })
  return `{ "defaults": ${defaults}, "hosts": { "acme": ${hostYaml(sshd, host)} }, "forwards": ${JSON.stringify(forwards)} }`
}

export async function forwardOf(cli: CliProject, name: string): Promise<ForwardStatus> {
  const forward = (await cli.status()).forwards.find((each) => each.name === name)
  if (!forward) throw new Error(`status has no forward ${name}`)
  return forward
}

/** Its status as soon as `expected` is true of it; the last one seen is the failure's message. */
export async function forwardWhen(
  cli: CliProject,
  name: string,
  isExpected: (forward: ForwardStatus) => boolean,
): Promise<ForwardStatus> {
  return eventually(
    async () => {
      const forward = await forwardOf(cli, name)
      if (isExpected(forward)) return forward
      throw new Error(`${name} never became what ${isExpected} asks for: ${JSON.stringify(forward)}`)
    },
    { everyMs: 100 },
  )
}

/** The whole lines of `up --json`. */
export function eventsIn(stdout: string): Event[] {
  const lines = stdout.slice(0, stdout.lastIndexOf('\n') + 1).split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Event)
}

/**
 * The states that a forward has been in, in order, until it was closed. A new problem in the same state is an event,
 * but no other state.
 */
export function statesOf(name: string, events: Event[]): string[] {
  const states = events.flatMap((event) =>
    event.event === 'state' && event.what === 'forward' && event.name === name ? [event.state] : [],
  )
  const isOver = (state: string) => state === 'draining' || state === 'closed'
  return states.filter((state, index) => state !== states[index - 1] && !isOver(state))
}

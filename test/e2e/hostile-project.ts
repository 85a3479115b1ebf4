// A project whose only host is a server that has gone bad, and what a person would look at while it does.

import { expect } from 'vitest'
import { type CliProject, project } from '../helpers/cli.ts'
import { type HostileOptions, startHostileServer } from '../ssh/hostile-server.ts'

type Yaml = Record<string, unknown>

/** Every forward goes via `acme`, which is that server. Not started yet. */
export async function projectViaHostile(forwards: Record<string, Yaml>, options: HostileOptions = {}) {
  const server = await startHostileServer(options)
  return { server, cli: projectTo(server.port, server.key.fingerprint, forwards) }
}

/** The same where something else listens on the port. `more`: other options of the host. */
export function projectTo(
  port: number,
  fingerprint: string,
  forwards: Record<string, Yaml>,
  more: Yaml = {},
): CliProject {
  const acme = {
    hostname: '127.0.0.1',
    port,
    user: 'deploy',
    host_keys: [fingerprint],
    ssh_config: false,
    reconnect: { initial: '50ms', max: '200ms' },
    ...more,
  }
  const file = { hosts: { acme }, defaults: { forwards: { via: 'acme' } }, forwards }
  return project({ 'tunnels.yaml': JSON.stringify(file) })
}

/** Everything that a person would look at, and a script. */
export async function everythingSaid(cli: CliProject): Promise<string> {
  const words = ['status', 'plan', 'config', 'logs', 'ls', 'validate'].flatMap((verb) => [
    [verb],
    [verb, '--json'],
  ])
  const said = await Promise.all(words.map((args) => cli.run(args)))
  return said.map(({ stdout, stderr }) => stdout + stderr).join('\n')
}

/** Line feeds are ours; nothing else that a terminal obeys, in any encoding. */
export function expectClean(text: string): void {
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/)
}

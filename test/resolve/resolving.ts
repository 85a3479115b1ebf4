// Resolves hosts written for one test, with the machine's own ssh.

import { userInfo } from 'node:os'
import { ProblemError } from '../../src/model/problem.ts'
import type { HostSpec, Project } from '../../src/model/project.ts'
import { type ResolvedHosts, resolveHosts, type Surroundings } from '../../src/resolve/hosts.ts'
import { SshConfig } from '../../src/resolve/ssh-config.ts'
import { readSshConfigContent } from '../../src/resolve/ssh-config-content.ts'

/** The user is `me`; the environment has a PATH alone. */
export async function resolved(
  hosts: Record<string, Partial<HostSpec>>,
  destinations: string[] = Object.keys(hosts),
  more: Partial<Surroundings> & { hostDefaults?: Project['hostDefaults'] } = {},
): Promise<ResolvedHosts> {
  const specs = Object.entries(hosts).map(([name, fields]) => [name, { name, ...fields }] as const)
  const { hostDefaults = {}, ...others } = more
  const project = { hosts: new Map(specs), hostDefaults } as unknown as Project
  const environment = { PATH: process.env.PATH }
  return resolveHosts(project, destinations, {
    caller: environment,
    environment,
    variables: {},
    agreed: (path) => readSshConfigContent(path, userInfo().homedir),
    home: userInfo().homedir,
    user: 'me',
    sshConfig: new SshConfig(),
    signal: new AbortController().signal,
    ...others,
  })
}

/** The summaries of what was refused; fails where nothing was. */
export async function refusals(resolving: Promise<unknown>): Promise<string[]> {
  try {
    await resolving
  } catch (error) {
    if (error instanceof ProblemError) return error.problems.map(({ code, summary }) => `${code}: ${summary}`)
    throw error
  }
  throw new Error('nothing was refused')
}

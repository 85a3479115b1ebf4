// What somebody who brings files selects: which of them, which part of them, and from their environment what those files
// and the user's ssh configuration mention.

import { homedir } from 'node:os'
import { resolve } from 'node:path'
import type { LoadOptions } from '../config/load.ts'
import type { Selection } from '../control/protocol.ts'
import type { Project } from '../model/project.ts'
import { sshConfigVariables } from './ssh-config-variables.ts'

/** What every host may need, whatever the files mention. */
const ALWAYS = ['SSH_AUTH_SOCK', 'SSH_ASKPASS', 'PATH', 'HOME', 'USER', 'LOGNAME', 'LANG']

/** `files`: those that the loader found, absolute. The rest of the environment is nobody's business. Never rejects. */
export async function makeSelection(
  project: Project,
  files: string[],
  options: Omit<LoadOptions, 'input' | 'also'>,
): Promise<Selection> {
  const { env, cwd, envFile, profiles, names, projectName } = options
  return {
    files,
    ...(options.files.length === 0 && !env.TUNNELS_FILE && { found: true }),
    envFile: envFile === undefined ? null : resolve(cwd, envFile),
    profiles,
    names,
    stopped: [],
    environment: await environmentFor(project, env),
    projectName: projectName ?? null,
  }
}

async function environmentFor(project: Project, env: LoadOptions['env']): Promise<Record<string, string>> {
  const locale = Object.keys(env).filter((name) => name.startsWith('LC_'))
  const ofSsh = await sshConfigVariables(env.HOME ?? homedir(), sshConfigFilesOf(project))
  const mentioned = [...new Set([...project.variables, ...ALWAYS, ...locale, ...ofSsh])]
  return Object.fromEntries(
    mentioned.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const])),
  )
}

function sshConfigFilesOf({ hosts }: Project): string[] {
  return [...hosts.values()].flatMap(({ sshConfig }) => (typeof sshConfig === 'string' ? [sshConfig] : []))
}

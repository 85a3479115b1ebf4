// The tunnels.yaml of the demo, in its first form and as it is edited live.

import { chmod, mkdtemp, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What differs from one demo to the next. */
export interface Numbers {
  sshPort: number
  fingerprint: string
  /** Where `web`, `browse` and, after the edit, `docs` listen on this machine; where `webhook` does on the far side. */
  web: number
  browse: number
  docs: number
  webhook: number
  /** Port of the service on this machine that `webhook` leads to. */
  near: number
}

export interface DemoFolder {
  path: string
  file: string
  /** Replaces the file in one step, as a careful editor does. */
  save(text: string): Promise<void>
  remove(): Promise<void>
}

/** A folder of this user's alone under the system's temporary one; the caller removes it. */
export async function makeFolder(privateKey: string): Promise<DemoFolder> {
  const path = await mkdtemp(join(await realpath(tmpdir()), 'tunnels-demo-'))
  await chmod(path, 0o700)
  await writeFile(join(path, 'id_ed25519'), privateKey, { mode: 0o600 })
  const file = join(path, 'tunnels.yaml')
  return {
    path,
    file,
    save: async (text) => {
      await writeFile(`${file}.new`, text)
      await rename(`${file}.new`, file)
    },
    remove: () => rm(path, { recursive: true, force: true }),
  }
}

export function formatFirst(numbers: Numbers): string {
  return formatFile(numbers, 'web.demo:80', '')
}

/** `web` leads somewhere else, and `docs` is new. */
export function formatEdited(numbers: Numbers): string {
  const docs = `  docs: -L ${numbers.docs}:web.demo:80 far     # what you would type after ssh works, too\n`
  return formatFile(numbers, 'shop.demo:80', docs)
}

/** What the edit takes out and puts in. */
export function formatEdit(numbers: Numbers): string {
  const [before, after] = [formatFirst(numbers).split('\n'), formatEdited(numbers).split('\n')]
  const gone = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`)
  const added = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`)
  return [...gone, ...added].join('\n')
}

function formatFile(numbers: Numbers, to: string, more: string): string {
  return `name: demo

hosts:
  far:
    hostname: 127.0.0.1
    port: ${numbers.sshPort}
    user: demo
    identity_file: ./id_ed25519
    identities_only: true
    identity_agent: none
    host_keys: ["${numbers.fingerprint}"]
    ssh_config: false         # nothing of your own ~/.ssh is read

forwards:
  web:                        # ssh -L: a port here leads to the far side
    via: far
    local: ${numbers.web}
    to: ${to}
  webhook:                    # ssh -R: a port on the far side leads here
    via: far
    remote: ${numbers.webhook}
    to: 127.0.0.1:${numbers.near}
  browse:                     # ssh -D: a SOCKS proxy here, leaving on the far side
    via: far
    dynamic: ${numbers.browse}
${more}`
}

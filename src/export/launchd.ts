// An agent for launchd of macOS (launchd.plist(5)): started at login.

import { dirname, join } from 'node:path'
import { build } from 'plist'
import { type Deployment, unitName, variablesToSetHere, wordsHere } from './deployment.ts'

export function formatLaunchd(deployment: Deployment): string {
  const { files } = deployment
  const name = unitName(deployment)
  const folder = dirname(files[0]!.path)
  const names = variablesToSetHere(deployment)
  const list = build({
    Label: name,
    ProgramArguments: wordsHere(deployment),
    WorkingDirectory: folder,
    RunAtLoad: true,
    // 2 and 4 are failures, too, and launchd cannot tell them apart: a minute between two tries.
    KeepAlive: { SuccessfulExit: false },
    ThrottleInterval: 60,
    // Open connections may finish for 25 s.
    ExitTimeOut: 30,
    ProcessType: 'Background',
    Umask: 0o077,
    ...(names.length > 0 && { EnvironmentVariables: Object.fromEntries(names.map((key) => [key, ''])) }),
    StandardOutPath: '/dev/null',
    StandardErrorPath: join(folder, `${name}.err`),
  })
  const hints = [
    `Save as ~/Library/LaunchAgents/${name}.plist, then: launchctl bootstrap gui/$UID ~/Library/LaunchAgents/${name}.plist`,
    'What the file may do has to be agreed to once: run `tunnels up` on a terminal first.',
    ...(names.length > 0 ? ['Fill in EnvironmentVariables, and chmod 600 this file.'] : []),
  ]
  const comment = hints.map((hint) => `<!-- ${hint.replaceAll('--', '- -')} -->`).join('\n')
  return `${list.replace(/(<!DOCTYPE[^>]*>\n)/, `$1${comment}\n`)}\n`
}

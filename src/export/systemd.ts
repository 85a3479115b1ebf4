// A unit for the user's own systemd (systemd.service(5), systemd.exec(5)): started at login, or at boot with lingering.

import { dirname } from 'node:path'
import { type Deployment, unitName, variablesToSetHere, wordsHere } from './deployment.ts'

/**
 * Confined by what needs no namespace of its own: a user's systemd has no right to those everywhere, and a unit that does
 * not start protects nobody. V8 compiles as it runs, so memory may be written and executed.
 */
const CONFINED = [
  'NoNewPrivileges=yes',
  'RestrictSUIDSGID=yes',
  'RestrictRealtime=yes',
  'RestrictNamespaces=yes',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  'LockPersonality=yes',
  'SystemCallArchitectures=native',
  'UMask=0077',
]

export function formatSystemd(deployment: Deployment): string {
  const { project, files } = deployment
  const unit = `${unitName(deployment)}.service`
  const folder = dirname(files[0]!.path)
  return [
    `# Save as ~/.config/systemd/user/${unit}, then:`,
    `#   systemctl --user daemon-reload && systemctl --user enable --now ${unit}`,
    '# To have it run without a login: loginctl enable-linger',
    '# What the file may do has to be agreed to once: run `tunnels up` on a terminal first.',
    '',
    '[Unit]',
    `Description=SSH tunnels of ${escapeUnit(project.name)}`,
    'Documentation=man:tunnels(1)',
    '',
    '[Service]',
    '# Ready when each forward is open or has come to something; systemd-notify(1) says so.',
    'Type=notify',
    'NotifyAccess=all',
    `WorkingDirectory=${escapeUnit(folder)}`,
    ...variables(deployment),
    `ExecStart=${wordsHere(deployment).map(quote).join(' ')}`,
    'ExecReload=/bin/kill -HUP $MAINPID',
    'Restart=on-failure',
    'RestartSec=5',
    '# 2: the file is wrong, 4: somebody has to agree or to answer. Trying again mends neither.',
    'RestartPreventExitStatus=2 4',
    '# Open connections may finish for 25 s.',
    'TimeoutStopSec=30',
    ...CONFINED,
    '',
    '[Install]',
    'WantedBy=default.target',
    '',
  ].join('\n')
}

function variables(deployment: Deployment): string[] {
  const names = variablesToSetHere(deployment)
  const agent = ['# With an agent: systemctl --user import-environment SSH_AUTH_SOCK']
  if (names.length === 0) return agent
  return [
    ...agent,
    `# A file of yours alone (0600) with a line NAME=value for each of: ${names.join(' ')}`,
    `EnvironmentFile=%h/.config/tunnels/${unitName(deployment)}.env`,
  ]
}

/** `%` begins a specifier. */
function escapeUnit(text: string): string {
  return text.replaceAll('%', '%%')
}

/** As a word of a command line: systemd.service(5), "Command lines". */
function quote(word: string): string {
  const escaped = escapeUnit(word).replaceAll('$', '$$$$')
  if (/^[\w@%+=:,./$-]+$/.test(escaped)) return escaped
  return `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

// @ts-check
// Gets the programs that the tests call beside sshd, where they are missing and may be installed: as root on Debian, without
// starting a service. Elsewhere they are named, and the tests that need them fail.

import { spawnSync } from 'node:child_process'
import { installPackages } from './sshd.mjs'

/** Shell words that succeed where it is there, and Debian's package. */
const TOOLS = [
  ['command -v ssh', 'openssh-client'],
  ['command -v curl', 'curl'],
  ['command -v nc', 'netcat-openbsd'],
  ['command -v ncat', 'ncat'],
  ['command -v socat', 'socat'],
  ['command -v zsh', 'zsh'],
  ['command -v fish', 'fish'],
  ['command -v git', 'git'],
  ['command -v ps', 'procps'],
  ['command -v setpriv', 'util-linux'],
  ["/usr/bin/python3 -c 'import socks'", 'python3-socks'],
  ['command -v chromium', 'chromium'],
  ['command -v promtool', 'prometheus'],
  ['command -v initdb || ls /usr/lib/postgresql/*/bin/initdb', 'postgresql'],
  ['command -v psql', 'postgresql-client'],
  ['command -v systemd-analyze && command -v systemd-notify', 'systemd'],
]

const missing = TOOLS.filter(([look]) => spawnSync('sh', ['-c', String(look)]).status !== 0).map(([, name]) =>
  String(name),
)
if (missing.length > 0) {
  const mayInstall = process.getuid?.() === 0 && spawnSync('sh', ['-c', 'command -v apt-get']).status === 0
  if (mayInstall) installPackages(missing)
  else
    process.stderr.write(
      `tests: not installed: ${missing.join(' ')} (only root on Debian may install them here); the tests that need them fail\n`,
    )
}

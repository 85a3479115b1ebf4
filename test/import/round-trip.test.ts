// An ssh command line goes into a tunnels.yaml and comes out as an ssh command line. Whether the two are one is for ssh to
// say: `ssh -G` prints all that it would do, and prints the same for both.

import { execFile } from 'node:child_process'
import { homedir } from 'node:os'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { loadProject } from '../../src/config/load.ts'
import { splitWords } from '../../src/config/short-words.ts'
import { formatSsh } from '../../src/export/ssh.ts'
import { formatDraft, makeDraft, NOTHING_BESIDE } from '../../src/import/draft.ts'
import { readSshCommand } from '../../src/import/ssh-command.ts'

const run = promisify(execFile)

/** What ssh makes of a line; where two spellings mean one thing but print as two, the one that we write stands behind it. */
const LINES: (string | [string, string])[] = [
  // the cases of the forwarding guide
  'ssh -L 8080:zaiste.net:80 acme',
  'ssh -L 127.0.0.1:8080:zaiste.net:80 acme',
  'ssh -L 4000:127.0.0.1:3306 acme',
  'ssh -L 8080:zaiste.net:80 -L 8081:zaiste.net:443 -L 9000:db:5432 acme',
  'ssh -L 9000:localhost:5432 acme',
  'ssh -R 10123:127.0.0.1:123 acme',
  'ssh -R 8000:localhost:80 acme',
  ['ssh -R :8000:localhost:80 acme', 'ssh -R *:8000:localhost:80 acme'],
  'ssh -R 7.7.7.7:8080:localhost:80 acme',
  'ssh user@7.7.7.7 -p 80 -R 5566:127.0.0.1:21',
  'ssh -R 7000:127.0.0.1:3000 acme',
  'ssh -D 8123 acme',
  'ssh -R 1080 acme',
  'ssh -C -L 1:b:2 acme',
  'ssh -qNnT -L 1:b:2 acme',
  // every other form of -L, -R and -D
  ['ssh -L localhost:8080:h:80 acme', 'ssh -L 8080:h:80 acme'],
  'ssh -L *:8080:h:80 acme',
  ['ssh -L :8080:h:80 acme', 'ssh -L *:8080:h:80 acme'],
  'ssh -L [::1]:8080:[2001:db8::1]:443 acme',
  ['ssh -L 8080:[zaiste.net]:80 acme', 'ssh -L 8080:zaiste.net:80 acme'],
  'ssh -L 8080:/run/docker.sock acme',
  'ssh -L 127.0.0.1:8080:/run/docker.sock acme',
  'ssh -L /tmp/a.sock:/run/b.sock acme -o StreamLocalBindUnlink=yes',
  'ssh -L /tmp/a.sock:localhost:80 acme -o StreamLocalBindUnlink=yes -o StreamLocalBindMask=0117',
  'ssh -L "/tmp/with blank.sock:/run/\\$x.sock" acme -o StreamLocalBindUnlink=no',
  'ssh -R /tmp/a.sock:/run/b.sock acme',
  'ssh -R /tmp/a.sock:localhost:80 acme',
  'ssh -R 8000:/run/b.sock acme',
  'ssh -R 0:localhost:80 acme',
  'ssh -R *:1080 acme',
  'ssh -R 10.0.0.1:0 acme',
  'ssh -D 127.0.0.1:1080 -D [::1]:1080 acme',
  'ssh -D *:1080 acme',
  ['ssh -g -L 8080:h:80 -D 1080 acme', 'ssh -L *:8080:h:80 -D *:1080 acme'],
  ['ssh -o GatewayPorts=yes -L 8080:h:80 acme', 'ssh -L *:8080:h:80 acme'],
  'ssh -o LocalForward="8080 h:80" -o "RemoteForward 9 h:9" -o dynamicforward=1080 acme',
  // destinations and options of the host
  'ssh -NfL 8080:h:80 -l me -p2222 acme',
  'ssh -L 8080:h:80 ssh://me@acme:2222',
  'ssh -L 8080:h:80 me@::1',
  'ssh -J bastion,me@inner:2222 -L 8080:h:80 acme',
  'ssh -i ~/.ssh/one -i "/keys/t w o" -o IdentitiesOnly=yes -L 8080:h:80 me@acme',
  'ssh -4 -b 10.0.0.2 -B eth0 -c aes256-ctr -m hmac-sha2-256 -L 8080:h:80 acme',
  'ssh -6 -F none -L 8080:h:80 acme',
  `ssh -o "ProxyCommand=nc -X 5 -x 'p r':1080 %h %p" -L 8080:h:80 acme`,
  'ssh -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o ConnectTimeout=90 -o Compression=no -L 1:b:2 acme',
  'ssh -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="/a /b" -o GlobalKnownHostsFile=/dev/null -L 1:b:2 acme',
  'ssh -o HostKeyAlias=shop -o HostKeyAlgorithms=ssh-ed25519 -o KexAlgorithms=+curve25519-sha256 -L 1:b:2 acme',
  'ssh -o IdentityAgent=$FOO -o CertificateFile=/c-cert.pub -o PreferredAuthentications=publickey -L 1:b:2 acme',
  'ssh -o HostName=10.0.0.7 -o User=me -o Port=23 -L 1:b:2 10.0.0.7',
]

test('an ssh command line comes out as one that does the same', async () => {
  expect(LINES.length).toBeGreaterThan(40)
  const differences = await Promise.all(
    LINES.map(async (line) => {
      const [given, same = given] = [line].flat() as [string, string?]
      const exported = await throughTheFile(given)
      const [came, want] = [await meaningOf(exported), await meaningOf(same)]
      const lacking = want.filter((one) => !came.includes(one))
      const more = came.filter((one) => !want.includes(one))
      return lacking.length + more.length > 0 ? [{ given, exported, lacking, more }] : []
    }),
  )
  expect(differences.flat()).toEqual([])
})

test('what autossh, a shell and a paste put around it means nothing', async () => {
  const plain = await throughTheFile('ssh -L 8080:h:80 acme')
  for (const line of [
    'autossh -M 0 -f -N -L 8080:h:80 acme',
    'AUTOSSH_GATETIME=0 AUTOSSH_POLL=30 /usr/bin/autossh -M 20000 -NL 8080:h:80 acme',
    'nohup ssh -fN -L 8080:h:80 acme &',
    'exec ssh \\\n  -o ExitOnForwardFailure=yes \\\n  -L 8080:h:80 \\\r\n  acme\n',
    '-L 8080:h:80 acme',
  ])
    expect(await throughTheFile(line), line).toBe(plain)
})

async function throughTheFile(line: string): Promise<string> {
  const text = formatDraft(makeDraft([readSshCommand([line])], NOTHING_BESIDE))
  const { project, problems } = await loadProject({
    files: ['-'],
    env: { HOME: homedir() },
    cwd: '/',
    profiles: [],
    names: null,
    texts: new Map([['-', text]]),
  })
  if (!project) throw new Error(`${line}\n${text}\n${JSON.stringify(problems, null, 2)}`)
  const selected = new Set(project.forwards.keys())
  return formatSsh({ project, selected })
}

/** Without what bears on no forward: how it runs, and who may be asked. */
const ASIDE =
  /^(exitonforwardfailure|sessiontype|forkafterauthentication|stdinnull|requesttty|batchmode|loglevel|host) /

async function meaningOf(line: string): Promise<string[]> {
  const words = splitWords(line.trim(), (text) => text)
  if (!words.ok) throw new Error(`${line}: ${words.complaint}`)
  const [, ...args] = words.value.map(({ text }) => text)
  const own = args.includes('-F') ? [] : ['-F', '/dev/null']
  const { stdout } = await run('ssh', ['-G', ...own, ...args], {
    env: { PATH: process.env.PATH, FOO: '/foo' },
  })
  const lines = stdout.split('\n').filter((text) => text !== '' && !ASIDE.test(text))
  return lines.map((text) => text.replace(/^(identityfile|certificatefile) ~/, `$1 ${homedir()}`)).sort()
}

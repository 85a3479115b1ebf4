// Whatever the umask of whoever starts it: what tunnels makes is for its owner alone, but where the file says else.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hostYaml, project } from '../helpers/cli.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'

test.each(['0', '022', '077'])('with umask %s', async (mask) => {
  const [sshd, echo] = await Promise.all([startSshd(), startEcho()])
  const forward = (more: string) => `{ via: acme, to: "127.0.0.1:${echo.port}", ${more} }`
  const cli = project({
    'tunnels.yaml': `hosts:
  acme: ${hostYaml(sshd)}
forwards:
  own: ${forward('local: ./run/own.sock')}
  shared: ${forward('local: ./run/deeper/shared.sock, socket: { mode: 660 }')}
  port: ${forward('local: auto')}
`,
  })
  await cli.up(['-v'], { prefix: ['/bin/sh', '-c', `umask ${mask}; exec "$0" "$@"`] })
  const modes = (folder: string) =>
    Object.fromEntries(
      ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()].map((name) => {
        const stats = statSync(join(folder, name))
        const kind = stats.isDirectory() ? 'folder' : stats.isSocket() ? 'socket' : 'file'
        return [name, `${kind} ${(stats.mode & 0o777).toString(8)}`]
      }),
    )
  expect(modes(join(cli.folder, 'run'))).toEqual({
    '': 'folder 700',
    deeper: 'folder 700',
    'deeper/shared.sock': 'socket 660',
    'own.sock': 'socket 600',
  })
  const made = [cli.env.TUNNELS_RUNTIME_DIR!, cli.env.TUNNELS_STATE_DIR!].flatMap((folder) =>
    Object.entries(modes(folder)),
  )
  expect(made.map(([name]) => name).join(' ')).toMatch(/\.sock.*ports\.json.*supervisor\.log/)
  const right = { folder: 'folder 700', file: 'file 600', socket: 'socket 600' }
  for (const [name, mode] of made) expect(Object.values(right), `${name} ${mode}`).toContain(mode)
  expect((await cli.run(['status', '--check'])).code).toBe(0)
})

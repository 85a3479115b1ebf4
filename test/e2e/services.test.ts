// Tunnels that something else starts: as process 1 of a container with the words that `export kubernetes` has, over a
// ConfigMap that changes; and as a unit that systemd waits for.

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { atEnd } from '../helpers/cleanup.ts'
import { exchange, failureOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { descendantsOf, zombiesOf } from '../helpers/processes.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { projectVia } from './project-via.ts'

const canBeFirst = process.getuid?.() === 0 && process.platform === 'linux'

/** As the kubelet mounts a ConfigMap: files are links into `..data`, which is swapped as a whole. */
function mount(folder: string, version: number, data: Record<string, string>): void {
  const place = join(folder, `..v${version}`)
  mkdirSync(place)
  for (const [name, text] of Object.entries(data)) {
    writeFileSync(join(place, name), text)
    if (!existsSync(join(folder, name))) symlinkSync(`..data/${name}`, join(folder, name))
  }
  symlinkSync(`..v${version}`, join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  rmSync(join(folder, `..v${version - 1}`), { recursive: true, force: true })
}

test.runIf(canBeFirst)(
  'as process 1: its log is JSON on stdout, a ConfigMap is followed, orphans do not stay, SIGTERM drains',
  async () => {
    const [sshd, echo] = [await startSshd(), await startEcho()]
    const [one, more] = [await freePort(), await freePort()]
    const leavesOrphan = ['sh', '-c', `setsid sleep 0.1 & echo "$$" >> ${testFolder().path}/began`]
    const web = {
      local: one,
      to: echo.port,
      healthcheck: { type: 'command', command: leavesOrphan, interval: '1s' },
    }
    const cli = projectVia(sshd, { web })
    const exported = await cli.run(['export', 'kubernetes'])
    expect(exported.code, exported.stderr).toBe(0)
    const [config, workload] = parseAllDocuments(exported.stdout).map((document) => document.toJS())
    const folder = testFolder().path
    mount(folder, 1, config.data)
    const words: string[] = workload.spec.template.spec.containers[0].args
    const args = words
      .map((word) => word.replace('/etc/tunnels', folder))
      .filter((_, at) => words[at - 1] !== '--http' && words[at] !== '--http')
    // Without node before it: as an image starts the binary.
    const binary = ['sh', '-c', 'shift; exec "$@"', 'sh']
    const up = cli.start(args, {
      prefix: ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child', ...binary],
    })
    await eventually(async () => (await failureOf(one)) === null)
    expect((await exchange(one, 'through')).toString()).toBe('through')
    // Nothing that somebody would have to agree to: that is held back here, as everywhere.
    const edited = config.data['tunnels.yaml'].replace(
      '"forwards": {',
      `"forwards": { "more": { "local": ${more}, "to": ${echo.port} }, `,
    )
    mount(folder, 2, { ...config.data, 'tunnels.yaml': edited })
    await eventually(async () => (await exchange(more, 'added').catch(() => '')).toString() === 'added')
    for (const line of up.stdout().trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('event')
    const [first = 0] = descendantsOf(up.pid, 1)
    const began = leavesOrphan[2]!.split('>> ')[1]!
    await eventually(() => readFileSync(began, 'utf8').split('\n').length > 3)
    await eventually(() => expect(zombiesOf(first)).toEqual([]))
    // unshare(1) does not pass it on.
    process.kill(first, 'SIGTERM')
    expect((await up.ended).code).toBe(143)
    expect(await failureOf(one)).toBe('ECONNREFUSED')
  },
)

test('systemd is told when it may go on, and that the end has begun', async () => {
  const [sshd, echo] = [await startSshd(), await startEcho()]
  const folder = testFolder()
  const socket = folder.join('notify')
  const said: string[] = []
  const listener = spawn('socat', ['-u', `UNIX-RECV:${socket}`, '-'])
  listener.stdout.setEncoding('utf8').on('data', (text: string) => said.push(text))
  atEnd(() => void listener.kill())
  await eventually(() => existsSync(socket))
  const cli = projectVia(
    sshd,
    { web: { local: await freePort(), to: echo.port } },
    { env: { NOTIFY_SOCKET: socket } },
  )
  const up = cli.start(['up', '--json'])
  await eventually(() => said.join('').includes('READY=1'))
  expect(said.join('')).toContain('STATUS=1 of 1 forwards open')
  expect((await cli.status()).forwards[0]?.state).toBe('open')
  up.signal('SIGTERM')
  expect((await up.ended).code).toBe(143)
  await eventually(() => said.join('').includes('STOPPING=1'))
})

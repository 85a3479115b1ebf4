// Named pipes where files should be: nobody writes to them, and nobody waits for that. What a shell hands over
// (`-f <(generate)`) is a pipe, too, and is read.

import { execFileSync } from 'node:child_process'
import { readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort } from '../helpers/ports.ts'
import { sampleOf } from '../helpers/sample.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { controlOf, statusWhen } from './watched-project.ts'

let sshd: Sshd
let cli: CliProject
let port: number

/** As many more as the process has threads would be enough to stop it. */
const PIPES = 5

const file = (host: Record<string, unknown> = {}) =>
  `hosts:\n  acme: ${hostYaml(sshd, host)}\nforwards:\n  one: -D ${port} acme\n`

function pipeAt(name: string): string {
  const path = join(cli.folder, name)
  execFileSync('mkfifo', [`${path}.new`])
  renameSync(`${path}.new`, path)
  return path
}

beforeEach(async () => {
  sshd = await startSshd()
  port = await freePort()
  cli = project({})
})

test.each(sampleOf(['tunnels.yaml', 'tunnels.override.yaml', '.env'], 3))(
  '%s, while it runs: status says so, the mended one is taken, and everything else goes on',
  async (name) => {
    cli.write('tunnels.yaml', file())
    cli.write(name, name === 'tunnels.yaml' ? file() : '')
    if (name === 'tunnels.override.yaml') cli.write(name, 'forwards: {}\n')
    await cli.up()
    const control = await controlOf(cli)
    for (let time = 0; time < PIPES; time++) {
      const path = pipeAt(name)
      const { config, forwards } = await statusWhen(control, ({ config }) => config.state === 'invalid')
      expect(config.problems).toMatchObject([
        { code: 'CONFIG_UNREADABLE', summary: `${path} is a named pipe, not a file` },
      ])
      expect(forwards).toMatchObject([{ name: 'one', state: 'open' }])
      for (const verb of [['reload'], ['plan'], ['validate'], ['up', '-d']])
        expect(await cli.run(verb)).toMatchObject({ code: 2, stderr: expect.stringContaining('named pipe') })
      rmSync(path)
      cli.write(name, name === '.env' ? `N=${time}\n` : name === 'tunnels.yaml' ? file() : 'forwards: {}\n')
      await statusWhen(control, ({ config }) => config.state === 'current')
    }
    await cli.down()
  },
)

test('a key and known hosts: the problem names them, a file in their place is taken, down works', async () => {
  const [key, known] = [pipeAt('key'), pipeAt('known')]
  cli.write(
    'tunnels.yaml',
    file({ identity_file: './key', host_keys: undefined, user_known_hosts_file: './known' }),
  )
  expect((await cli.run(['up', '-d', '--trust'])).stderr).toContain(`${known} is a named pipe, not a file`)
  const problem = async () => (await cli.status()).hosts[0]?.problem
  expect(await problem()).toMatchObject({ code: 'HOST_KEY_UNKNOWN' })

  rmSync(known)
  cli.write('known', readFileSync(sshd.knownHostsFile, 'utf8'))
  await eventually(async () => expect(await problem()).toMatchObject({ code: 'AUTH_FAILED' }))
  expect((await problem())?.detail).toContain(`${key} is a named pipe, not a file.`)

  rmSync(key)
  cli.write('key', readFileSync(sshd.identityFile, 'utf8'))
  await eventually(async () => expect((await cli.status()).hosts).toMatchObject([{ state: 'open' }]))
  await cli.down()
})

test('a file that a shell hands over as a pipe is read, however long it takes to write it', async () => {
  cli.write('generated', file())
  const script = `"$0" "$1" validate -f <(head -2 generated; sleep 0.2; tail -n +3 generated)`
  expect(await cli.run([], { prefix: ['bash', '-c', script] })).toMatchObject({ code: 0 })
  const { stdout } = await cli.run([], { prefix: ['bash', '-c', script.replace('validate', 'config')] })
  expect(stdout).toContain(`${port}`)
})

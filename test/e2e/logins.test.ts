// Logging in with what only a variable or a person knows, by the built binary: a secret gets where it has to, and
// nowhere else.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyboardAuthContext } from 'ssh2'
import { expect, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { exchange } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { processesWith } from '../helpers/processes.ts'
import { hasTerminals, onTerminal } from '../helpers/pty.ts'
import { startEcho } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { startHostileServer } from '../ssh/hostile-server.ts'
import { newKey } from '../ssh/keys.ts'
import { startSecurityKey } from '../ssh/security-key.ts'

const CANARY = 'CANARY-7f31-secret'

async function lockedServer(): Promise<{ sshd: Sshd; path: string }> {
  const key = await newKey({ passphrase: CANARY })
  return { sshd: await startSshd({ authorizedKeys: [key.line] }), path: key.path }
}

async function projectWith(
  host: string,
): Promise<{ cli: CliProject; port: number; carries(): Promise<void> }> {
  const [port, echo] = await Promise.all([freePort(), startEcho()])
  const forward = `{ via: acme, local: ${port}, to: "127.0.0.1:${echo.port}" }`
  const cli = project({ 'tunnels.yaml': `hosts: { acme: ${host} }\nforwards: { web: ${forward} }\n` })
  const carries = async () => expect((await exchange(port, 'through')).toString()).toBe('through')
  return { cli, port, carries }
}

test('a passphrase from its variable opens the key, and is seen nowhere else', async () => {
  const { sshd, path } = await lockedServer()
  const seen = testFolder().join('seen-by-the-command')
  const command = `sh -c 'env > ${seen}; exec nc %h %p'`
  const { cli, carries } = await projectWith(
    hostYaml(sshd, { identity_file: path, passphrase_env: 'KEY_PASSPHRASE', proxy_command: command }),
  )
  const up = await cli.run(['up', '-d', '--trust', '-v'], { env: { KEY_PASSPHRASE: CANARY } })
  expect(up.code, up.stderr).toBe(0)
  await carries()
  await sshd.killSessions()
  await eventually(carries)
  const said = await Promise.all(
    [['status', '--json'], ['logs'], ['config'], ['plan', '--json']].map((args) => cli.run(args)),
  )
  expect([up, ...said].map(({ stdout, stderr }) => stdout + stderr).join()).not.toContain(CANARY)
  expect(filesWith(cli.folder, CANARY)).toEqual([])
  expect(processesWith(CANARY)).toEqual([])
  expect(readFileSync(seen, 'utf8')).toMatch(/^PATH=/m)
  expect(readFileSync(seen, 'utf8')).not.toContain(CANARY)
  execFileSync('ssh-keygen', ['-p', '-q', '-P', CANARY, '-N', 'another one', '-f', path])
  await cli.run(['restart'])
  const { problem } = await eventually(async () =>
    (await cli.status()).hosts.find(({ state }) => state === 'failed'),
  )
  expect(problem!.summary).toContain('passphrase_env')
})

test('nobody there: what is needed, exit 4, and the host waits', async () => {
  const { sshd, path } = await lockedServer()
  const { cli } = await projectWith(hostYaml(sshd, { identity_file: path }))
  const up = await cli.run(['up', '-d', '--trust'])
  expect(up.code).toBe(4)
  expect(up.stderr).toContain(path)
  const [host] = (await cli.status()).hosts
  expect(host).toMatchObject({ state: 'waiting', problem: { code: 'AUTH_NEEDS_PERSON' } })
  expect(sshd.logins()).toBe(0)
})

test.skipIf(!hasTerminals)(
  'a passphrase is asked for on the terminal, unseen, and kept for a reconnect',
  async () => {
    const { sshd, path } = await lockedServer()
    const { cli, carries } = await projectWith(hostYaml(sshd, { identity_file: path }))
    const terminal = await onTerminal(cli, ['up', '-d', '--trust'], { columns: 200 })
    await eventually(() => terminal.output().includes(`Passphrase for ${path}:`))
    terminal.type(`${CANARY}\r`)
    expect(await terminal.ended, terminal.output()).toBe(0)
    await carries()
    await sshd.killSessions()
    await eventually(carries)
    expect(sshd.logins()).toBe(2)
    expect(terminal.output()).not.toContain(CANARY)
    expect(filesWith(cli.folder, CANARY)).toEqual([])
  },
)

test.skipIf(!hasTerminals)('a password and then a code, by keyboard-interactive', async () => {
  const server = await startHostileServer({ onAuthentication: askTwice, onTcpip: echoChannel })
  const { cli, carries } = await projectWith(
    JSON.stringify({
      hostname: '127.0.0.1',
      port: server.port,
      user: 'deploy',
      host_keys: [server.key.fingerprint],
      ssh_config: false,
      identity_agent: 'none',
    }),
  )
  const terminal = await onTerminal(cli, ['up', '-d', '--trust'], { columns: 200 })
  await eventually(() => terminal.output().includes('Password:'))
  terminal.type(`${CANARY}\r`)
  await eventually(() => terminal.output().includes('Code:'))
  terminal.type('123456\r')
  expect(await terminal.ended, terminal.output()).toBe(0)
  await carries()
  expect(terminal.output()).not.toContain(CANARY)
  expect(filesWith(cli.folder, CANARY)).toEqual([])
})

test.skipIf(!hasTerminals)('a security key that has to be touched says so, until it is', async () => {
  const key = await startSecurityKey('sk-ssh-ed25519@openssh.com')
  const touch = key.hold()
  const sshd = await startSshd({ authorizedKeys: [key.line] })
  const more = { identity_agent: key.socket, identity_file: undefined, identities_only: false }
  const { cli, carries } = await projectWith(hostYaml(sshd, more))
  const terminal = await onTerminal(cli, ['up', '-d', '--trust'], { columns: 200 })
  await eventually(() => expect(terminal.output()).toContain('touch the security key'))
  touch()
  expect(await terminal.ended, terminal.output()).toBe(0)
  await carries()
})

function askTwice(login: { method: string; reject(methods?: string[]): void }): void {
  if (login.method !== 'keyboard-interactive') return login.reject(['keyboard-interactive'])
  const rounds = login as unknown as KeyboardAuthContext
  rounds.prompt([{ prompt: 'Password: ', echo: false }], ([password]) => {
    if (password !== CANARY) return login.reject(['keyboard-interactive'])
    rounds.prompt([{ prompt: 'Code: ', echo: true }], ([code]) =>
      code === '123456' ? rounds.accept() : login.reject(['keyboard-interactive']),
    )
  })
}

function echoChannel(accept: () => NodeJS.ReadWriteStream): void {
  const channel = accept()
  channel.pipe(channel)
}

/** Of the project's folder: log, state, runtime, what a command wrote. */
function filesWith(folder: string, text: string): string[] {
  const files = readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name)))
  return files.filter((file) => statSync(file).isFile() && readFileSync(file, 'utf8').includes(text))
}

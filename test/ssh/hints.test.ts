// What a refused host's hint says can be done, by doing it.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { loadProject } from '../../src/config/load.ts'
import type { WantedHost } from '../../src/model/wanted.ts'
import { connect } from '../../src/ssh/connect.ts'
import { testFolder } from '../helpers/folder.ts'
import { startServer } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { hostFor, open, plainHost, problemFrom } from './support.ts'

const hintOf = async (host: WantedHost) =>
  (await problemFrom(connect(host, { signal: new AbortController().signal }))).hint ?? ''

/** The project after the hint has been followed: its `hosts:`, and the forward via the name that it gives. */
async function follow(hint: string, destination: string) {
  const hosts = /`(hosts: .*?)`,? and write/.exec(hint)?.[1]
  const [, name, replaced] = /write `(\S+)` where the file says `(\S+)`/.exec(hint) ?? []
  expect(replaced).toBe(destination)
  const file = testFolder().write(
    'tunnels.yaml',
    `${hosts}\nforwards: { a: { via: ${name}, dynamic: 1080 } }\n`,
  )
  const loaded = await loadProject({ files: [file], env: {}, cwd: '/', profiles: [], names: null })
  expect(loaded.problems).toEqual([])
  return loaded.project!.hosts.get(name!)!
}

test.each(['127.0.0.1', '::1'])(
  'an unknown key of a destination with %s: its declaration',
  async (hostname) => {
    const server = await startSshd()
    const address = hostname.includes(':') ? `[${hostname}]` : hostname
    const name = `${server.user}@${address}:${server.port}`
    const host = hostFor(server, { name, hostname, userKnownHostsFiles: [testFolder().join('none')] })
    const hint = await hintOf(host)
    expect(hint).not.toContain(`hosts.${name}`)
    const { port, user, hostKeys = null, ...spec } = await follow(hint, name)
    expect({ port, user, hostname: spec.hostname }).toEqual({
      port: server.port,
      user: server.user,
      hostname,
    })
    await open({ ...host, hostKeys })
  },
)

test.each(['known_hosts', "it's my/known hosts"])('the ssh command: the key lands in %s', async (leaf) => {
  const server = await startSshd()
  const host = hostFor(server, {
    userKnownHostsFiles: [join(testFolder().path, leaf)],
    strictHostKeyChecking: 'yes',
  })
  const hint = await hintOf(host)
  const command = /`(ssh .*?[^`])` and answer/.exec(hint)?.[1] ?? ''
  const answers = `-F none -i ${server.identityFile} -o StrictHostKeyChecking=accept-new -o BatchMode=yes`
  await promisify(execFile)('mkdir', ['-p', join(host.userKnownHostsFiles[0]!, '..')])
  await promisify(execFile)('sh', ['-c', `${command.replace('ssh ', `ssh ${answers} `)} true`])
  await open(host)
})

test.each<[string, Partial<WantedHost>]>([
  ['HOST_PROTOCOL', {}],
  ['HOST_TIMEOUT', { connectTimeoutMs: 200 }],
])('%s of a destination names no place that cannot be', async (_code, change) => {
  const port = await startServer((socket) => {
    if (!change.connectTimeoutMs) socket.end('HTTP/1.1 400 Bad Request\r\n')
  }).then((server) => server.port)
  const hint = await hintOf(plainHost(port, { name: `me@127.0.0.1:${port}`, ...change }))
  expect(hint).toContain(`\`me@127.0.0.1:${port}\``)
  expect(hint).not.toContain('hosts.me@')
})

test('AUTH_FAILED without a key: the declaration that names one', async () => {
  const server = await startSshd()
  const name = `${server.user}@127.0.0.1:${server.port}`
  const hint = await hintOf(hostFor(server, { name, identityFiles: [] }))
  expect(await follow(hint, name)).toMatchObject({ identityFile: [expect.stringMatching(/\.ssh\/KEY$/)] })
})

test('a host that is declared is told its own place', async () => {
  const server = await startSshd()
  const hint = await hintOf(hostFor(server, { name: 'acme via gate', hostKeys: ['SHA256:no'] }))
  expect(hint).toContain(`set \`host_keys: ["${server.hostKeyFingerprint}"]\` in hosts.acme.`)
})

import { readFileSync } from 'node:fs'
import { type Duplex, PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { ProblemError } from '../../src/model/problem.ts'
import type { WantedHost } from '../../src/model/wanted.ts'
import { connect } from '../../src/ssh/connect.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { startEcho, startServer } from '../helpers/servers.ts'
import { makeKey, startSshd } from '../helpers/sshd.ts'
import { certify, newKey } from './keys.ts'
import { exchange, hostFor, NEVER, NOBODY, open, problemFrom, whileFrozen } from './support.ts'

const attempt = (host: WantedHost) => problemFrom(connect(host, { signal: NEVER }))

describe('connect', () => {
  test('every name of this machine, both families, and the interface by its name', async () => {
    const server = await startSshd()
    const interfaceName = process.platform === 'darwin' ? 'lo0' : 'lo'
    for (const change of [
      { hostname: 'localhost' },
      { hostname: 'LOCALHOST' },
      { hostname: 'localhost', addressFamily: 'inet' as const },
      { hostname: '127.0.0.1', bindAddress: '127.0.0.1' },
      { hostname: '127.0.0.1', bindAddress: 'localhost' },
      { hostname: 'localhost', bindInterface: interfaceName },
    ]) {
      const carrier = await open(hostFor(server, change))
      expect(carrier.closed.aborted).toBe(false)
    }
  })

  test('measures a round trip', async () => {
    const carrier = await open(hostFor(await startSshd()))
    expect(await eventually(() => carrier.rttMs)).toBeGreaterThan(0)
  })

  test('through a jump host: one connection in another, and the inner ends with the outer', async () => {
    const [outer, inner, echo] = await Promise.all([startSshd(), startSshd(), startEcho()])
    const bastion = await open(hostFor(outer))
    const target = { kind: 'tcp' as const, host: '127.0.0.1', port: inner.port }
    const openStream = async (signal: AbortSignal) => (await bastion.dial(target, NOBODY, signal)).stream
    const carrier = await open(hostFor(inner), { openStream })
    const { stream } = await carrier.dial({ ...target, port: echo.port }, NOBODY, NEVER)
    const content = Buffer.alloc(3_000_000, 'x')
    expect((await exchange(stream, content)).equals(content)).toBe(true)
    await outer.killSessions()
    await eventually(() => bastion.closed.aborted && carrier.closed.aborted)
  })

  test('a target behind a jump host that is not there is a host that cannot be reached', async () => {
    const server = await startSshd()
    const bastion = await open(hostFor(server))
    const problems = await Promise.all(
      [
        { kind: 'tcp' as const, host: '127.0.0.1', port: await freePort() },
        { kind: 'tcp' as const, host: 'no-such-name.invalid', port: 22 },
      ].map((target) =>
        problemFrom(
          connect(hostFor(server, { jump: 'bastion' }), {
            signal: NEVER,
            openStream: async (signal) => (await bastion.dial(target, NOBODY, signal)).stream,
          }),
        ),
      ),
    )
    expect(problems.map(({ code }) => code)).toEqual(['HOST_UNREACHABLE', 'HOST_UNRESOLVED'])
    expect(problems[0]!.detail).toContain('Seen from bastion')
  })

  test('what a host offers can be chosen, and what is lacking is left out', async () => {
    const server = await startSshd({
      config: ['Ciphers aes256-ctr', 'MACs hmac-sha2-512', 'KexAlgorithms ecdh-sha2-nistp384'],
    })
    const lists = {
      ciphers: 'no-such@cipher,aes256-ctr',
      macs: 'hmac-sha2-*',
      kexAlgorithms: '^ecdh-sha2-nistp384',
    }
    await open(hostFor(server, lists))
  })
})

describe('why it does not connect', () => {
  test('a name that does not exist', async () => {
    const problem = await attempt(hostFor(await startSshd(), { hostname: 'no-such-name.invalid' }))
    expect(problem).toMatchObject({ code: 'HOST_UNRESOLVED' })
    expect(problem.summary).toContain('no-such-name.invalid')
  })

  test('a port where nobody listens: each address is named', async () => {
    const port = await freePort()
    const problem = await attempt(hostFor(await startSshd(), { hostname: 'localhost', port }))
    expect(problem.code).toBe('HOST_UNREACHABLE')
    expect(problem.summary).toContain(`localhost:${port}`)
    expect(problem.detail).toContain(`127.0.0.1:${port}: connection refused`)
  })

  test('an interface that does not exist', async () => {
    const problem = await attempt(hostFor(await startSshd(), { bindInterface: 'no-such-0' }))
    expect(problem).toMatchObject({ code: 'HOST_UNREACHABLE' })
    expect(problem.summary).toContain('no-such-0')
  })

  test('a server that speaks something else is quoted', async () => {
    const web = await startServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const problem = await attempt(hostFor(await startSshd(), { port: web.port }))
    expect(problem).toMatchObject({ code: 'HOST_PROTOCOL', detail: 'It says: HTTP/1.1 400 Bad Request' })
  })

  test('a server that hangs up without a word, and one after its banner', async () => {
    const server = await startSshd()
    for (const [banner, step] of [
      ['', 'waiting for the banner'],
      ['SSH-2.0-short\r\n', 'key exchange'],
    ] as const) {
      const other = await startServer((socket) => socket.resume().end(banner))
      const problem = await attempt(hostFor(server, { port: other.port }))
      expect(problem.code).toBe('HOST_LOST')
      expect(problem.hint ?? '').toEqual(
        step === 'waiting for the banner' ? expect.stringContaining('MaxStartups') : '',
      )
      expect(problem.summary).toContain(step)
    }
  })

  test('a server that is too busy for us is one, and will be asked again', async () => {
    const busy = await startServer((socket) => socket.resume().end('Exceeded MaxStartups\r\n'))
    const problem = await attempt(hostFor(await startSshd(), { port: busy.port }))
    expect(problem.code).toBe('HOST_LOST')
    expect(problem.summary).toContain('Exceeded MaxStartups')
  })

  test('garbage after the banner ends within the time limit', async () => {
    const other = await startServer((socket) => socket.resume().write(`SSH-2.0-x\r\n${'\x01'.repeat(4096)}`))
    const problem = await attempt(hostFor(await startSshd(), { port: other.port }))
    expect(problem.code).toBe('HOST_PROTOCOL')
  })

  test.each([
    ['waiting for the banner', ''],
    ['key exchange', 'SSH-2.0-silent\r\n'],
  ])('a server that stops answering: %s', async (step, says) => {
    let ended = 0
    const other = await startServer((socket) =>
      socket
        .on('end', () => ended++)
        .resume()
        .write(says),
    )
    const problem = await attempt(hostFor(await startSshd(), { port: other.port, connectTimeoutMs: 300 }))
    expect(problem.code).toBe('HOST_TIMEOUT')
    expect(problem.summary).toContain(`timed out while ${step}`)
    await eventually(() => ended === 1)
  })

  test('a jump host that never gets there: the limit holds, and a late stream is closed', async () => {
    let arrive: (stream: Duplex) => void = () => {}
    const late = new Promise<Duplex>((resolve) => {
      arrive = resolve
    })
    const options = { signal: NEVER, openStream: () => late }
    const problem = await problemFrom(connect(hostFor(await startSshd(), { connectTimeoutMs: 200 }), options))
    expect(problem.summary).toContain('timed out while connecting')
    const stream = new PassThrough()
    arrive(stream)
    await eventually(() => stream.destroyed)
  })

  test('no algorithm in common: both lists are shown', async () => {
    const server = await startSshd({ config: ['Ciphers aes256-ctr'] })
    const problem = await attempt(hostFor(server, { ciphers: 'aes128-ctr' }))
    expect(problem.code).toBe('HOST_PROTOCOL')
    expect(problem.detail).toMatch(/Offered here .*aes128-ctr\n.*The server has .*aes256-ctr/s)
    expect(problem.hint).toContain('set `ciphers: +aes256-ctr` in hosts.acme')
  })

  test('post-quantum key exchange only, host certificates only, GSSAPI only: what is wrong, and which line helps', async () => {
    const hostKey = await newKey()
    const certified = [
      `HostKey ${hostKey.path}`,
      `HostCertificate ${await certify(await newKey(), hostKey, 'localhost', '-h')}`,
      'HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com',
    ]
    const off = ['PubkeyAuthentication no', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no']
    const [quantum, certificate, gssapi] = await Promise.all([
      startSshd({ config: ['KexAlgorithms sntrup761x25519-sha512@openssh.com'] }),
      startSshd({ config: certified }),
      startSshd({ config: [...off, 'GSSAPIAuthentication yes'] }),
    ])
    const hints = await Promise.all(
      [quantum, certificate, gssapi].map(async (server) => (await attempt(hostFor(server))).hint),
    )
    expect(hints).toEqual([
      'It exchanges keys in post-quantum ways only, which tunnels cannot: `ssh` can. Or let its sshd_config say `KexAlgorithms +curve25519-sha256`',
      'It shows nothing but a host certificate, which tunnels cannot check: `ssh` can. Or let its sshd_config say `HostKeyAlgorithms +ssh-ed25519`',
      expect.stringMatching(
        /^tunnels cannot log in by gssapi-.*, which is all that this server takes: `ssh` can\. Or .*`PubkeyAuthentication yes`/,
      ),
    ])
  })

  test('a list of which nothing is supported is a problem that names it', async () => {
    const problem = await attempt(hostFor(await startSshd(), { macs: 'umac-128@openssh.com' }))
    expect(problem).toMatchObject({ code: 'HOST_PROTOCOL' })
    expect(problem.summary).toContain('umac-128@openssh.com')
  })

  test('whoever gives up gets his own reason, and no connection stays', async () => {
    let ended = 0
    const silent = await startServer((socket) => socket.on('end', () => ended++).resume())
    const controller = new AbortController()
    const work = connect(hostFor(await startSshd(), { port: silent.port }), { signal: controller.signal })
    await eventually(() => silent.connections() === 1)
    controller.abort(new ProblemError({ code: 'USAGE', summary: 'changed my mind' }))
    expect(await problemFrom(work)).toMatchObject({ summary: 'changed my mind' })
    await eventually(() => ended === 1)
  })
})

describe('liveness', () => {
  test('a peer that stops is noticed; one that is only quiet is kept', async () => {
    const server = await startSshd()
    const change = { serverAliveIntervalMs: 50, serverAliveCountMax: 2 }
    const carrier = await open(hostFor(server, change))
    const quiet = carrier.rttMs
    await eventually(() => carrier.rttMs !== quiet && carrier.rttMs !== null)
    expect(carrier.closed.aborted).toBe(false)
    await whileFrozen(server, () => eventually(() => carrier.closed.aborted))
    expect((carrier.closed.reason as ProblemError).problems[0]).toMatchObject({
      code: 'HOST_LOST',
      summary: 'The connection to acme was lost: it no longer answers',
    })
  })

  test('new timing is taken on an open connection', async () => {
    const server = await startSshd()
    const carrier = await open(hostFor(server, { serverAliveIntervalMs: 0 }))
    await eventually(() => carrier.rttMs)
    carrier.update(hostFor(server, { serverAliveIntervalMs: 50, serverAliveCountMax: 1 }))
    await whileFrozen(server, () => eventually(() => carrier.closed.aborted))
  })
})

describe('host keys', () => {
  test('an unknown one is refused with its fingerprint and the command, before any key of ours is shown', async () => {
    const server = await startSshd()
    const file = testFolder().join('known_hosts')
    const host = hostFor(server, { userKnownHostsFiles: [file], strictHostKeyChecking: 'yes' })
    const problem = await attempt(host)
    expect(problem.code).toBe('HOST_KEY_UNKNOWN')
    expect(problem.detail).toContain(`ssh-ed25519 ${server.hostKeyFingerprint}`)
    expect(problem.hint).toContain(
      `ssh -p ${server.port} -o UserKnownHostsFile=${file} ${server.user}@127.0.0.1`,
    )
    expect(problem.hint).toContain(`host_keys: ["${server.hostKeyFingerprint}"]`)
    expect(server.log()).not.toMatch(/publickey|userauth/)
  })

  test('a changed one names the line on file', async () => {
    const server = await startSshd()
    const folder = testFolder()
    await makeKey(folder.join('other'), 'ed25519')
    const other = readFileSync(folder.join('other.pub'), 'utf8')
    const file = folder.write('known_hosts', `# a comment\n[127.0.0.1]:${server.port} ${other}`)
    const problem = await attempt(hostFor(server, { userKnownHostsFiles: [file] }))
    expect(problem.code).toBe('HOST_KEY_CHANGED')
    expect(problem.detail).toContain(`${file}:2`)
    expect(problem.hint).toContain(`ssh-keygen -R '[127.0.0.1]:${server.port}'`)
    for (const strict of ['accept-new', 'yes'] as const)
      expect(
        (await attempt(hostFor(server, { userKnownHostsFiles: [file], strictHostKeyChecking: strict }))).code,
      ).toBe('HOST_KEY_CHANGED')
  })

  test('a revoked one is refused also where it is known or checking is off', async () => {
    const server = await startSshd()
    const name = `[127.0.0.1]:${server.port}`
    const key = server.hostPublicKeys[0]
    const file = testFolder().write('known_hosts', `${name} ${key}\n@revoked ${name} ${key}\n`)
    const problem = await attempt(
      hostFor(server, { userKnownHostsFiles: [file], strictHostKeyChecking: 'no' }),
    )
    expect(problem.code).toBe('HOST_KEY_REVOKED')
    expect(problem.detail).toContain(`${file}:2`)
  })

  test('accept-new writes a new one down, after a final newline, and knows it from then on', async () => {
    const server = await startSshd()
    const file = testFolder().write('known_hosts', 'example.com ssh-ed25519 broken')
    const host = hostFor(server, { userKnownHostsFiles: [file], strictHostKeyChecking: 'accept-new' })
    await open(host)
    await open({ ...host, strictHostKeyChecking: 'yes' })
    const lines = readFileSync(file, 'utf8').split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[1]).toMatch(new RegExp(`^\\[127.0.0.1\\]:${server.port} ssh-ed25519 AAAA`))
  })

  test('pinned ones alone decide', async () => {
    const server = await startSshd({ hostKeys: ['ed25519', 'rsa'] })
    const pinned = (...hostKeys: string[]) => hostFor(server, { hostKeys, userKnownHostsFiles: [] })
    await open(pinned(server.hostKeyFingerprint))
    await open(pinned(server.hostPublicKeys[1]!))
    const known = hostFor(server, { hostKeys: ['SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU'] })
    const problem = await attempt(known)
    expect(problem.code).toBe('HOST_KEY_CHANGED')
    expect(problem.detail).toContain(server.hostKeyFingerprint)
  })
})

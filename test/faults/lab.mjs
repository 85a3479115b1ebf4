// The place in which one row of the fault table happens: a client side, a server side with sshd of its own, and a wire
// between them that can be cut. With a network it is two namespaces joined by a veth pair, which end with their
// processes; without one both sides are this machine's loopback.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../bench/sshd.mjs'
import { findSshd } from '../../scripts/sshd.mjs'
import { descendantsOf, until } from './watching.mjs'

const FAR_SIDE = fileURLToPath(new URL('./far-side.mjs', import.meta.url))

/** With `network` the process is in namespaces of its own already (see run.mjs). `close` ends all that was started. */
export async function openLab({ network }) {
  const folder = mkdtempSync(join(tmpdir(), 'tunnels-faults-'))
  const children = new Set()
  const start = (command, args, env = {}) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    child.said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        child.said += text
      })
    }
    child.on('error', (error) => {
      child.said += error.message
    })
    child.once('exit', () => {
      child.endedAt = Date.now()
    })
    children.add(child)
    return child
  }
  const wire = network ? await openWire(start) : null
  const onServer = (command, args) =>
    wire ? start('nsenter', ['-t', String(wire.pid), '-n', command, ...args]) : start(command, args)
  const keys = makeKeys(folder)
  /** Only in this row's own namespace. */
  const replaceFile = (path, text) => {
    const file = join(folder, path.replaceAll('/', '-'))
    writeFileSync(file, text)
    execFileSync('mount', ['--bind', file, path])
  }
  const addressOf = (name) => (name === 'localhost' ? '127.0.0.1' : lab.address)
  const lab = {
    folder,
    address: wire ? '10.77.0.2' : '127.0.0.1',
    start,
    async farSide(kind, host = '127.0.0.1', port = 0) {
      const child = onServer(process.execPath, [FAR_SIDE, kind, host, String(port)])
      await until(() => child.said.includes('\n'))
      return Number(child.said)
    },
    async echoHere() {
      const child = start(process.execPath, [FAR_SIDE, 'echo'])
      await until(() => child.said.includes('\n'))
      return Number(child.said)
    },
    /** `here`: on the client's side, where no fault of the wire reaches it. */
    async sshd({ config = [], here = false, isDown = false } = {}) {
      const address = here ? '127.0.0.1' : lab.address
      const server = sshdOf(folder, keys, address, await freePort(), here ? start : onServer, config)
      if (!isDown) await server.start()
      return server
    },
    /** Rules of nft(8) for what comes in to the server side, and what goes out of it. */
    block(incoming, outgoing = []) {
      const chain = (hook, rules) =>
        [`chain ${hook} {`, `type filter hook ${hook} priority 0`, ...rules, '}'].join('\n')
      const table = ['table inet faults {', chain('input', incoming), chain('output', outgoing), '}']
      inServer(wire, ['nft', table.join('\n')])
    },
    unblock: () => inServer(wire, ['nft', 'delete table inet faults']),
    /** Names are asked for where nobody answers, but for those of `known`, which the hosts file has. */
    deafNameServer(known = []) {
      replaceFile('/etc/resolv.conf', `nameserver ${lab.address}\n`)
      replaceFile(
        '/etc/hosts',
        [...known, 'localhost'].map((name) => `${addressOf(name)} ${name}\n`).join(''),
      )
      lab.block(['udp dport 53 drop'])
    },
    /** What goes to the server; what does not fit waits in a queue of so many bytes. */
    slowDown: (rate, bytes) =>
      execFileSync('tc', `qdisc add dev wire root tbf rate ${rate} burst 20k limit ${bytes}`.split(' ')),
    link: (state) => execFileSync('ip', ['link', 'set', 'wire', state]),
    /** The ports at our end of the connections that a server has now. */
    clientPorts(port) {
      const table = execFileSync('ss', ['-Htn', 'dst', lab.address, 'dport', '=', String(port)], {
        encoding: 'utf8',
      })
      return [...table.matchAll(/\S+:(\d+)\s+\S+:\d+\s*$/gm)].map((match) => match[1])
    },
    async close() {
      for (const child of children) for (const pid of [...descendantsOf(child.pid), child.pid]) end(pid)
      await until(() => [...children].every((child) => child.endedAt || !child.pid), 10_000)
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return lab
}

/** The other namespace lives as long as the process that holds it. */
async function openWire(start) {
  const holder = start('unshare', ['-n', 'sleep', 'infinity'])
  const mine = readNamespace('self')
  await until(() => ![mine, ''].includes(readNamespace(holder.pid)))
  const wire = { pid: holder.pid }
  const ip = (...args) => execFileSync('ip', args)
  ip('link', 'set', 'lo', 'up')
  ip('link', 'add', 'name', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', String(wire.pid))
  ip('addr', 'add', '10.77.0.1/24', 'dev', 'wire')
  ip('link', 'set', 'wire', 'up')
  inServer(wire, ['ip', 'link', 'set', 'lo', 'up'])
  inServer(wire, ['ip', 'addr', 'add', '10.77.0.2/24', 'dev', 'wire'])
  inServer(wire, ['ip', 'link', 'set', 'wire', 'up'])
  return wire
}

function inServer(wire, command) {
  execFileSync('nsenter', ['-t', String(wire.pid), '-n', ...command])
}

function readNamespace(pid) {
  try {
    return execFileSync('readlink', [`/proc/${pid}/ns/net`], { encoding: 'utf8' })
  } catch {
    return ''
  }
}

function makeKeys(folder) {
  for (const name of ['host', 'id']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])
  }
  const fingerprint = execFileSync('ssh-keygen', ['-lf', join(folder, 'host.pub')], { encoding: 'utf8' })
  return {
    host: join(folder, 'host'),
    hostPublic: readFileSync(join(folder, 'host.pub'), 'utf8').trim(),
    identity: join(folder, 'id'),
    public: readFileSync(join(folder, 'id.pub'), 'utf8').trim(),
    fingerprint: fingerprint.split(' ')[1],
  }
}

function sshdOf(folder, keys, address, port, spawnThere, config) {
  const program = findSshd()
  if (!program) throw new Error('There is no sshd on this machine. Run `node scripts/sshd.mjs` first.')
  const name = join(folder, `sshd-${port}`)
  const files = { config: `${name}.config`, authorized: `${name}.keys`, known: `${name}.known` }
  writeFileSync(files.authorized, `${keys.public}\n`, { mode: 0o600 })
  writeFileSync(files.known, `[${address}]:${port} ${keys.hostPublic}\n`)
  writeFileSync(files.config, formatConfig({ program, keys, files, address, port, config }))
  if (process.getuid?.() === 0 && !existsSync('/run/sshd')) mkdirSync('/run/sshd')
  let child = null
  let before = ''
  const server = {
    address,
    port,
    user: userInfo().username,
    identity: keys.identity,
    fingerprint: keys.fingerprint,
    known: files.known,
    authorized: files.authorized,
    async start() {
      child = spawnThere(program.path, ['-D', '-e', '-f', files.config])
      const mine = child
      await until(() => mine.said.includes('Server listening on'))
    },
    /** With its connections. */
    async stop() {
      const mine = child
      before += mine.said
      for (const pid of [...server.sessions(), mine.pid]) end(pid)
      await until(() => mine.endedAt)
    },
    sessions: () => (child && !child.endedAt ? descendantsOf(child.pid) : []),
    signal(signal) {
      for (const pid of server.sessions()) end(pid, signal)
    },
    /** TCP connections, ever. */
    connections: () => [...`${before}${child?.said ?? ''}`.matchAll(/^Connection from /gm)].length,
  }
  return server
}

function formatConfig({ program, keys, files, address, port, config }) {
  const lines = [
    `ListenAddress ${address}:${port}`,
    `HostKey ${keys.host}`,
    `AuthorizedKeysFile ${files.authorized}`,
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'PidFile none',
    'LogLevel VERBOSE',
    'UseDNS no',
  ]
  return `${[...config, ...program.config, ...lines].join('\n')}\n`
}

function end(pid, signal = 'SIGKILL') {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone already.
  }
}

// The rows of the fault table: what is done to all who are compared at once, and what ours has to come to. `seconds`
// is about how long a row takes; `needs: 'network'` are those that loopback cannot show.

import { rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../../bench/sshd.mjs'
import { autossh, hasAutossh, hostOf, ssh, tunnels } from './contenders.mjs'
import { exchange, isAnswered, openStream, pour, probe, sleep, until } from './watching.mjs'

/** A server that drops whoever says nothing for 40 s. */
const GIVES_UP = ['ClientAliveInterval 10', 'ClientAliveCountMax 3']

/** Each `run` gives, by contender, what was seen (`text`), and of ours whether that is within the limit (`ok`). */
export const rows = {
  killed: {
    title: 'session killed on the server',
    limit: 'back ≤ 1 s',
    seconds: 10,
    run: (lab) => outage(lab, { fault: signalSessions('SIGKILL'), watchMs: 6_000, maxBack: 1 }),
  },
  'down-5': downRow(5, 2),
  'down-60': downRow(60, 5),
  'down-180': downRow(180, 15),
  stopped: {
    title: 'session stopped (SIGSTOP)',
    limit: 'noticed ≤ 20 s, back ≤ 22 s',
    seconds: 35,
    run: (lab) =>
      outage(lab, { fault: signalSessions('SIGSTOP'), watchMs: 28_000, maxNoticed: 20.2, maxBack: 22 }),
  },
  'stopped-fast': {
    title: 'the same, keepalive 1 s × 3',
    limit: 'noticed ≤ 4.5 s, back ≤ 6 s',
    seconds: 15,
    run: (lab) =>
      outage(lab, {
        alive: [1, 3],
        fault: signalSessions('SIGSTOP'),
        watchMs: 12_000,
        maxNoticed: 4.5,
        maxBack: 6,
      }),
  },
  nat: {
    title: 'NAT entry lost: packets of the connection vanish',
    limit: 'noticed ≤ 20 s, back ≤ 22 s',
    seconds: 35,
    needs: 'network',
    run: (lab) => outage(lab, { fault: forget(lab, 'drop'), watchMs: 28_000, maxNoticed: 20.2, maxBack: 22 }),
  },
  'link-5': {
    title: 'link down 5 s',
    limit: 'the open stream survives, 0 reconnects, good ≤ 0.5 s after',
    seconds: 25,
    needs: 'network',
    run: (lab) =>
      outage(lab, {
        fault: () => lab.link('down'),
        forMs: 5_000,
        repair: () => lab.link('up'),
        watchMs: 10_000,
        maxBack: 0.5,
        survives: true,
      }),
  },
  'link-45': {
    title: 'link down 45 s',
    limit: 'good ≤ 3 s after',
    seconds: 75,
    needs: 'network',
    run: (lab) =>
      outage(lab, {
        fault: () => lab.link('down'),
        forMs: 45_000,
        repair: () => lab.link('up'),
        watchMs: 20_000,
        maxBack: 3,
      }),
  },
  'drop-45': {
    title: 'all packets vanish for 45 s',
    limit: 'good ≤ 3 s after',
    seconds: 75,
    needs: 'network',
    run: (lab) =>
      outage(lab, {
        fault: () => lab.block(['iifname "wire" drop'], ['oifname "wire" drop']),
        forMs: 45_000,
        repair: () => lab.unblock(),
        watchMs: 20_000,
        maxBack: 3,
      }),
  },
  'half-open': {
    title: 'half-open, idle: the server forgot the connection',
    limit: 'noticed ≤ 6 s',
    seconds: 25,
    needs: 'network',
    run: (lab) =>
      outage(lab, {
        isIdle: true,
        fault: forget(lab, 'reject with tcp reset'),
        watchMs: 15_000,
        maxNoticed: 6,
      }),
  },
  'asleep-20': {
    title: 'this machine asleep 20 s (SIGSTOP)',
    limit: '0 reconnects',
    seconds: 35,
    run: (lab) => asleep(lab, 20, { survives: true, maxBack: 3 }),
  },
  'asleep-120': {
    title: 'this machine asleep 120 s, given up by the server meanwhile',
    limit: 'back ≤ 3 s after',
    seconds: 140,
    run: (lab) => asleep(lab, 120, { config: GIVES_UP, maxBack: 3 }),
  },
  'asleep-nat': {
    title: 'the same, and its NAT entry lost: nobody says so',
    limit: 'back ≤ 3 s after',
    seconds: 140,
    needs: 'network',
    run: (lab) => asleep(lab, 120, { config: GIVES_UP, maxBack: 3, besides: forget(lab, 'drop') }),
  },
  revoked: {
    title: 'key revoked on the server',
    limit: '≤ 3 attempts in 60 s, then none until something changes',
    seconds: 75,
    run: revoked,
  },
  first: {
    title: 'first start before the server exists',
    limit: 'up ≤ 3 s after it appears',
    seconds: 25,
    run: (lab) =>
      outage(lab, {
        isFirst: true,
        forMs: 8_000,
        repair: eachServer((server) => server.start()),
        watchMs: 10_000,
        maxBack: 3,
      }),
  },
  'no-banner': {
    ...hangRow('no banner', 'HOST_TIMEOUT'),
    run: (lab) => hangs(lab, 'HOST_TIMEOUT', { kind: 'silent' }),
  },
  'key-exchange': {
    ...hangRow('stall in key exchange'),
    run: (lab) => hangs(lab, 'HOST_TIMEOUT', { kind: 'stall' }),
  },
  'syn-dropped': {
    ...hangRow('SYN dropped'),
    needs: 'network',
    run: (lab) =>
      hangs(lab, 'HOST_TIMEOUT', { before: () => lab.block(['tcp flags & (syn|ack) == syn drop']) }),
  },
  'dead-dns': {
    ...hangRow('dead DNS'),
    needs: 'network',
    run: (lab) =>
      hangs(lab, 'HOST_UNRESOLVED', { hostname: 'far.example', before: () => lab.deafNameServer() }),
  },
  'dead-names': {
    title: 'six hosts behind dead DNS, a seventh in the hosts file',
    limit: 'the seventh: up ≤ 3 s after its first attempt began, back ≤ 2 s after its session was killed',
    seconds: 25,
    needs: 'network',
    run: deadNames,
  },
  'stale-remote': {
    title: 'stale `-R` port: the old session still holds it',
    limit: 'REMOTE_PORT_IN_USE, the other forwards stay, back ≤ 5 s after its release',
    seconds: 70,
    run: staleRemote,
  },
  'local-port': {
    title: 'a local port taken by somebody',
    limit: 'PORT_IN_USE, back ≤ 3 s after its release',
    seconds: 12,
    run: localPort,
  },
  'socket-file': {
    title: 'a Unix socket file taken away',
    limit: 'made again ≤ 3 s',
    seconds: 10,
    run: socketFile,
  },
  upload: {
    title: 'upload on a slow line: 120 KB/s, with a queue of 4 MB, keepalive 1 s × 3',
    limit: 'no false alarm in 60 s',
    seconds: 75,
    needs: 'network',
    run: uploads,
  },
  rekey: {
    title: 'rekey every 128 KB, 64 MB each way',
    limit: 'equal, 0 reconnects',
    seconds: 40,
    run: rekey,
  },
  'bit-flips': {
    title: 'bits flipped on the wire',
    limit: 'never wrong data',
    seconds: 40,
    run: bitFlips,
  },
}

function downRow(seconds, maxBack) {
  return {
    title: `sshd down ${seconds} s`,
    limit: `back ≤ ${maxBack} s after its return`,
    seconds: seconds + 25,
    run: (lab) =>
      outage(lab, {
        fault: eachServer((server) => server.stop()),
        forMs: seconds * 1_000,
        repair: eachServer((server) => server.start()),
        watchMs: Math.max(10, maxBack + 5) * 1_000,
        maxBack,
      }),
  }
}

function hangRow(title) {
  return { title, limit: 'each attempt ends ≤ 10 s with its own reason', seconds: 30 }
}

const eachServer = (what) => (all) => Promise.all(all.map(({ server }) => what(server)))
const signalSessions = (signal) => eachServer((server) => server.signal(signal))

/** What a NAT or a firewall does that no longer knows the connections that are open now. */
const forget = (lab, verdict) => (all) => {
  const ports = all.flatMap(({ server }) => lab.clientPorts(server.port))
  const set = `{ ${ports.join(', ')} }`
  if (verdict === 'drop') return lab.block([`tcp sport ${set} drop`], [`tcp dport ${set} drop`])
  // The server itself says nothing any more; who asks is told that there is no such connection.
  for (const { server } of all) server.signal('SIGSTOP')
  return lab.block([`tcp sport ${set} ${verdict}`])
}

/** All who are compared, each with its own server. */
async function contenders(lab, { config, isDown = false, ...options }) {
  const echo = options.echo ?? (await lab.farSide('echo'))
  const start = [tunnels, ssh, ...(hasAutossh() ? [autossh] : [])]
  const servers = await Promise.all(start.map(() => lab.sshd({ isDown, ...(config && { config }) })))
  const all = await Promise.all(start.map((one, index) => one(lab, servers[index], { ...options, echo })))
  if (!isDown) await Promise.all(all.map(({ port }) => until(() => isAnswered(port), 60_000)))
  return all
}

/** One fault for all, for `forMs` (0: for good), and what became of each. Seconds count from the fault or its end. */
async function outage(lab, options) {
  const {
    fault,
    repair,
    forMs = 0,
    watchMs,
    isFirst = false,
    isIdle = false,
    isAsleep = false,
    config,
    alive,
  } = options
  const all = await contenders(lab, { config, alive, isDown: isFirst, isFirst })
  const seen = all.map((one) => ({
    ...one,
    probe: isIdle ? null : probe(one.port, isAsleep),
    stream: isIdle || isFirst ? null : openStream(one.port),
  }))
  // Past what follows a login, and at another moment of the keepalive for each run.
  await sleep(isFirst ? 0 : 3_000)
  const faultAt = Date.now()
  await fault?.(seen)
  await sleep(forMs)
  await repair?.(seen)
  const since = forMs > 0 ? Date.now() : faultAt
  for (const one of seen) one.probe?.lookFrom(since)
  await sleep(watchMs)
  return judge(seen, { ...options, faultAt, since })
}

function judge(seen, { faultAt, since, maxNoticed, maxBack, survives, isAsleep }) {
  const figures = Object.fromEntries(
    seen.map((one) => {
      const noticedAt = one.noticedAt(faultAt)
      const backAt = one.probe?.firstGoodAt() ?? null
      const noticed = noticedAt && (noticedAt - faultAt) / 1_000
      const back = backAt && Math.max(0, (backAt - since) / 1_000)
      const isGone = one.isGone() !== null
      const stream = one.stream?.state ?? null
      const text = describe({
        noticed: maxNoticed ? noticed : null,
        back,
        isGone,
        stream: survives ? stream : null,
        goneAfter: isGone ? (one.isGone() - faultAt) / 1_000 : null,
        isIdle: !one.probe,
      })
      return [
        one.name,
        { noticed, back, isGone, stream, reconnects: one.reconnects?.(faultAt) ?? null, text },
      ]
    }),
  )
  const ours = figures.tunnels
  const ok =
    (maxNoticed === undefined || (ours.noticed !== null && ours.noticed <= maxNoticed)) &&
    (maxBack === undefined || (ours.back !== null && ours.back <= maxBack)) &&
    (!survives || (ours.stream === 'open' && ours.reconnects === 0)) &&
    ours.stream !== 'wrong'
  if (survives || isAsleep) ours.text += `, ${ours.reconnects} reconnects`
  return result(seen, figures, ok)
}

function result(seen, figures, ok) {
  const ours = seen.find(({ name }) => name === 'tunnels')
  const others = ours.othersAreWell()
  return { ok: ok && others, others, cells: figures, said: ours.said().slice(-4_000) }
}

function describe({ noticed, back, isGone, stream, goneAfter, isIdle }) {
  const words = []
  if (noticed !== null && !isGone) words.push(`noticed ${noticed.toFixed(1)} s`)
  if (isGone) words.push(goneAfter > 0 ? `exits after ${goneAfter.toFixed(1)} s` : 'exits')
  else if (!isIdle) words.push(back === null ? 'not back' : `back ${back.toFixed(1)} s`)
  if (isIdle && noticed === null && !isGone) words.push('not noticed')
  if (stream) words.push(stream === 'open' ? 'the stream survives' : `the stream is ${stream}`)
  return words.join(', ')
}

/** The processes themselves are stopped: that is all that they see of a machine that sleeps. */
async function asleep(lab, seconds, { besides, ...options }) {
  const signal = (name) => (all) => {
    for (const { pids } of all) for (const pid of pids()) process.kill(pid, name)
  }
  return outage(lab, {
    ...options,
    isAsleep: true,
    fault: async (all) => {
      signal('SIGSTOP')(all)
      await besides?.(all)
    },
    forMs: seconds * 1_000,
    repair: signal('SIGCONT'),
    watchMs: 8_000,
  })
}

async function revoked(lab) {
  const all = await contenders(lab, {})
  for (const { server } of all) writeFileSync(server.authorized, '')
  const before = all.map(({ server }) => server.connections())
  await signalSessions('SIGKILL')(all)
  await sleep(60_000)
  const attempts = all.map(({ server }, index) => server.connections() - before[index])
  const state = all[0].states('far', 0).at(-1)
  const cells = Object.fromEntries(
    all.map((one, index) => {
      const isGone = one.isGone() !== null
      const text = `${isGone ? 'exits, ' : ''}${attempts[index]} attempts in 60 s`
      return [one.name, { attempts: attempts[index], text }]
    }),
  )
  cells.tunnels.text += `, ${state.state} (${state.problem?.code})`
  return result(all, cells, attempts[0] <= 3 && state.state === 'failed')
}

/** One attempt against something that never gets on. */
async function hangs(lab, code, { kind, hostname, before }) {
  const echo = await lab.echoHere()
  await before?.()
  const port = kind ? await lab.farSide(kind, lab.address) : null
  const start = [tunnels, ssh, ...(hasAutossh() ? [autossh] : [])]
  const startedAt = Date.now()
  const all = []
  for (const one of start) {
    const server = { ...(await lab.sshd({ isDown: port !== null })), ...(port && { port }) }
    const begunAt = Date.now()
    all.push({ ...(await one(lab, server, { echo, hostname })), begunAt })
  }
  await sleep(25_000)
  const [first] = all[0].states('far', startedAt).filter(({ problem }) => problem)
  const opening = all[0].states('far', startedAt)[0]
  const took = first ? (first.at - (opening === first ? all[0].begunAt : opening.at)) / 1_000 : null
  const cells = {
    tunnels: {
      text: first
        ? `ends after ${took.toFixed(1)} s, ${first.problem.code}: ${reasonOf(first.problem)}`
        : 'hangs',
    },
  }
  for (const one of all.slice(1)) {
    const endedAt = one.name === 'ssh' ? one.isGone() : one.noticedAt(startedAt)
    cells[one.name] = {
      text: endedAt
        ? `ends after ${((endedAt - one.begunAt) / 1_000).toFixed(1)} s`
        : 'hangs for more than 25 s',
    }
  }
  return result(all, cells, first?.problem.code === code && took <= 10.5)
}

/** Who asks for a name that nobody answers must not be in the way of the others. */
async function deadNames(lab) {
  const [server, echo] = [await lab.sshd(), await lab.farSide('echo')]
  lab.deafNameServer(['far.example'])
  const names = Array.from({ length: 6 }, (_, index) => `dead-${index + 1}`)
  const hosts = Object.fromEntries(
    names.map((name) => [name, { ...hostOf(server, [5, 3]), hostname: `${name}.example` }]),
  )
  const forwards = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, { via: name, local: await freePort(), to: echo }])),
  )
  const ours = await tunnels(lab, server, { echo, hosts, forwards, hostname: 'far.example' })
  const isUp = await secondsUntil(() => isAnswered(ours.port))
  const [began] = ours.states('far', 0)
  const open = ours.states('far', 0).find(({ state }) => state === 'open')
  const up = Number.isFinite(isUp) ? (open.at - began.at) / 1_000 : isUp
  // Past what was under way at the start.
  await sleep(12_000)
  await signalSessions('SIGKILL')([ours])
  const back = await secondsUntil(() => isAnswered(ours.port))
  const isTold = names.every((name) => ours.states(name, 0).at(-1)?.problem?.code === 'HOST_UNRESOLVED')
  const text = `up ${formatSeconds(up)}, back ${formatSeconds(back)}, the six: ${isTold ? 'HOST_UNRESOLVED' : 'not told'}`
  return result(
    [ours],
    { tunnels: { text }, ssh: { text: '–' }, autossh: { text: '–' } },
    up <= 3 && back <= 2 && isTold,
  )
}

/** Infinity: not within 20 s. */
async function secondsUntil(check) {
  const since = Date.now()
  const isSo = await until(check).then(
    () => true,
    () => false,
  )
  return isSo ? (Date.now() - since) / 1_000 : Number.POSITIVE_INFINITY
}

function formatSeconds(seconds) {
  return Number.isFinite(seconds) ? `${seconds.toFixed(1)} s` : 'not in 20 s'
}

function reasonOf({ summary }) {
  return summary.split(': ').at(-1)
}

async function staleRemote(lab) {
  const echo = await lab.farSide('echo')
  const home = await lab.echoHere()
  const start = [tunnels, ssh, ...(hasAutossh() ? [autossh] : [])]
  const all = []
  for (const one of start) {
    const server = await lab.sshd()
    const port = await freePort()
    const forwards = { back: { via: 'far', remote: port, to: home } }
    const remote = `localhost:${port}:127.0.0.1:${home}`
    all.push({ ...(await one(lab, server, { echo, forwards, remote, alive: [2, 3] })), remotePort: port })
  }
  await Promise.all(all.map(({ port }) => until(() => isAnswered(port), 60_000)))
  await until(() => all[0].states('back', 0).at(-1)?.state === 'open')
  const stale = all.map(({ server }) => server.sessions())
  const faultAt = Date.now()
  await signalSessions('SIGSTOP')(all)
  // Until the old session is given up and the new one finds its port taken.
  await sleep(15_000)
  const [taken] = all[0]
    .states('back', faultAt)
    .filter(({ problem }) => problem?.code === 'REMOTE_PORT_IN_USE')
  const otherForward = await isAnswered(all[0].port)
  await sleep(5_000)
  for (const pids of stale) for (const pid of pids) process.kill(pid, 'SIGKILL')
  const releasedAt = Date.now()
  await sleep(20_000)
  const back = all[0].states('back', releasedAt).find(({ state }) => state === 'open')
  const seconds = back ? (back.at - releasedAt) / 1_000 : null
  const cells = {
    tunnels: {
      text: `${taken ? `${taken.state}, ${taken.problem.code}` : 'not told'}; ${otherForward ? 'the other forward stays' : 'the other forward is lost'}; ${seconds === null ? 'not back' : `back ${seconds.toFixed(1)} s`}`,
    },
  }
  for (const one of all.slice(1)) {
    const isGone = one.isGone() !== null
    cells[one.name] = {
      text: isGone ? 'exits' : (await isAnswered(one.port)) ? 'back ≤ 20 s' : 'not back in 20 s',
    }
  }
  return result(all, cells, taken?.state === 'retrying' && otherForward && seconds !== null && seconds <= 5)
}

async function localPort(lab) {
  const echo = await lab.farSide('echo')
  const server = await lab.sshd()
  const port = await freePort()
  const holder = createServer().listen(port, '127.0.0.1')
  const forwards = { taken: { via: 'far', local: `127.0.0.1:${port}`, to: `127.0.0.1:${echo}` } }
  const ours = await tunnels(lab, server, { echo, forwards })
  await until(() => ours.states('taken', 0).some(({ problem }) => problem?.code === 'PORT_IN_USE'))
  const { state } = ours.states('taken', 0).findLast(({ problem }) => problem?.code === 'PORT_IN_USE')
  holder.close()
  const releasedAt = Date.now()
  await until(() => isAnswered(port))
  const seconds = (Date.now() - releasedAt) / 1_000
  const cells = {
    tunnels: { text: `${state}, PORT_IN_USE; back ${seconds.toFixed(1)} s` },
    ssh: { text: '–' },
    autossh: { text: '–' },
  }
  return result([ours], cells, state === 'retrying' && seconds <= 3)
}

async function socketFile(lab) {
  const echo = await lab.farSide('echo')
  const path = join(lab.folder, 'project', 'echo.sock')
  const forwards = { socket: { via: 'far', local: path, to: `127.0.0.1:${echo}` } }
  const ours = await tunnels(lab, await lab.sshd(), { echo, forwards })
  const answers = () =>
    new Promise((resolve) => {
      const socket = connect(path).on('error', () => resolve(false))
      socket.once('data', () => resolve(true)).once('data', () => socket.destroy())
      socket.write('?')
    })
  await until(answers)
  rmSync(path)
  const goneAt = Date.now()
  await until(answers)
  const seconds = (Date.now() - goneAt) / 1_000
  const cells = {
    tunnels: { text: `back ${seconds.toFixed(1)} s` },
    ssh: { text: '–' },
    autossh: { text: '–' },
  }
  return result([ours], cells, seconds <= 3)
}

/** All on one line: each gets a part of it. */
async function uploads(lab) {
  const all = await contenders(lab, { alive: [1, 3] })
  lab.slowDown('960kbit', 4_000_000)
  const startedAt = Date.now()
  const streams = all.map(({ port }) => pour(port))
  await sleep(60_000)
  const cells = {}
  for (const [index, one] of all.entries()) {
    const { lostAt, close } = streams[index]
    const how = lostAt() ? `cut after ${((lostAt() - startedAt) / 1_000).toFixed(1)} s` : 'goes on'
    cells[one.name] = { isLost: lostAt() !== null, text: `the upload ${how}` }
    close()
  }
  const again = all[0].states('far', startedAt).filter(({ state }) => state === 'open').length
  cells.tunnels.text += `, ${again} reconnects`
  return result(all, cells, !cells.tunnels.isLost && again === 0)
}

async function rekey(lab) {
  const all = await contenders(lab, { config: ['RekeyLimit 128K'] })
  const cells = {}
  for (const one of all) {
    const startedAt = Date.now()
    const how = await exchange(one.port, 64 * 1024 * 1024, one === all[0] ? 180_000 : 60_000)
    cells[one.name] = {
      how,
      text: `${how === 'late' ? 'not done' : how}, ${((Date.now() - startedAt) / 1_000).toFixed(1)} s`,
    }
  }
  cells.tunnels.text += `, ${all[0].reconnects(0) - 1} reconnects`
  return result(all, cells, cells.tunnels.how === 'equal' && all[0].reconnects(0) === 1)
}

/** A relay in between flips a bit every so often, in either direction; each time the connection may end, not lie. */
async function bitFlips(lab) {
  const echo = await lab.farSide('echo')
  const server = await lab.sshd()
  const flips = { count: 0 }
  const relay = await flippingRelay(server, flips)
  const ours = await tunnels(lab, { ...server, address: '127.0.0.1', port: relay.port }, { echo })
  const streams = []
  const timer = setInterval(() => streams.push(openStream(ours.port, { everyMs: 20, bytes: 2_048 })), 1_000)
  await sleep(30_000)
  clearInterval(timer)
  relay.isHonest = true
  await until(() => isAnswered(ours.port), 40_000)
  const count = (state) => streams.filter((stream) => stream.state === state).length
  const received = streams.reduce((sum, stream) => sum + stream.received, 0)
  for (const stream of streams) stream.close()
  relay.close()
  const text = `${flips.count} flips, ${count('lost')} streams cut, ${count('wrong')} wrong, ${(received / 1e6).toFixed(1)} MB compared`
  return result(
    [ours],
    { tunnels: { text }, ssh: { text: '–' }, autossh: { text: '–' } },
    flips.count > 3 && count('wrong') === 0 && received > 0,
  )
}

async function flippingRelay({ address, port }, flips) {
  const relay = { isHonest: false, port: 0, close: () => server.close() }
  const server = createServer((near) => {
    const far = connect({ host: address, port })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      let next = 20_000 + Math.floor(Math.random() * 200_000)
      from.on('error', () => to.destroy()).on('close', () => to.destroy())
      from.on('data', (chunk) => {
        next -= chunk.length
        if (next < 0 && !relay.isHonest) {
          chunk[Math.floor(Math.random() * chunk.length)] ^= 1 << Math.floor(Math.random() * 8)
          flips.count += 1
          next = 1_000_000
        }
        to.write(chunk)
      })
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  relay.port = server.address().port
  return relay
}

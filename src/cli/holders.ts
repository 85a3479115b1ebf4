// `tunnels ls PORT|ADDRESS|PATH`: who listens there on this machine. A forward of any project of this user, or the
// process, where the system tells.

import { realpath } from 'node:fs/promises'
import { isIP } from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import {
  findOwners,
  plainAddress,
  readTcpSockets,
  readUnixListeners,
  type SocketOwner,
} from '../forward/proc-sockets.ts'
import { formatSocketAddress, isWildcard, parseShownAddress, type SocketAddress } from '../model/address.ts'
import { ProblemError } from '../model/problem.ts'
import type { ForwardStatus, Status } from '../model/status.ts'
import { formatHolders, type Holder } from '../view/holders.ts'
import { formatJson } from '../view/json.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { findSupervisors, type RunningSupervisor } from './running-projects.ts'

/** What was asked for. `host`: null for any. */
type Asked = { kind: 'tcp'; host: string | null; port: number } | { kind: 'unix'; path: string }

export async function listHolders(invocation: Invocation, what: string): Promise<number> {
  const asked = await parseAsked(what, invocation.cwd)
  const supervisors = await findSupervisors(invocation)
  const sockets = await socketsAt(asked)
  const ours = (await Promise.all(supervisors.map((each) => forwardsAt(each, asked, sockets)))).flat()
  const holders = [...ours, ...othersThan(ours, sockets)]
  const { options, terminal } = invocation
  if (options.json) terminal.print(`${formatJson({ holders }, 2)}\n`)
  else if (holders.length === 0) terminal.note(`Nobody listens on ${what}`)
  else terminal.print(formatHolders(holders, { columns: terminal.columns }))
  return EXIT.fine
}

/** A port, `host:port` as ssh has it, or a path with a slash. */
async function parseAsked(text: string, cwd: string): Promise<Asked> {
  if (text.includes('/')) return { kind: 'unix', path: await realPlace(resolve(cwd, text)) }
  const [, v6, name, digits] = /^(?:(?:\[(.+)\]|([^:]*)):)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  const host = v6 ?? name ?? ''
  const isKnown = ['', '*', 'localhost'].includes(host) || isIP(host) !== 0
  if (digits !== undefined && port > 0 && port < 65_536 && isKnown)
    return { kind: 'tcp', port, host: ['', '*'].includes(host) ? null : host }
  throw new ProblemError({
    code: 'USAGE',
    summary: `${text} is no port, no address:port and no path of a socket`,
    hint: 'For example 9000, 127.0.0.1:9000 or ./docker.sock',
  })
}

/** Links in the folder are followed; the socket itself may be gone. */
async function realPlace(path: string): Promise<string> {
  return join(await realpath(dirname(path)).catch(() => dirname(path)), basename(path))
}

/** What listens there, whoever it belongs to. */
interface Listener {
  address: SocketAddress
  owner: SocketOwner | null
}

async function socketsAt(asked: Asked): Promise<Listener[]> {
  const sockets = (await listenersHere(asked.kind)).filter(({ address }) => isMeant(address, asked))
  const owners = await findOwners(new Set(sockets.map(({ inode }) => inode)))
  return sockets.map(({ address, inode }) => ({ address, owner: owners.get(inode) ?? null }))
}

async function listenersHere(kind: Asked['kind']): Promise<{ address: SocketAddress; inode: string }[]> {
  if (kind === 'unix')
    return (await readUnixListeners()).map(({ path, inode }) => ({ address: { kind, path }, inode }))
  const sockets = (await readTcpSockets()).filter(({ isListening }) => isListening)
  return sockets.map(({ local, inode }) => ({ address: { kind, ...local }, inode }))
}

async function forwardsAt(
  { client, holder }: RunningSupervisor,
  asked: Asked,
  sockets: readonly Listener[],
): Promise<Holder[]> {
  // One that does not answer is found as a process.
  const status = await client.status().catch(() => null)
  if (!status) return []
  const found: Holder[] = []
  for (const forward of status.forwards.filter(({ kind }) => kind !== 'remote')) {
    for (const address of await placesOf(forward)) {
      if (!isMeant(address, asked) || isOnlyWanted(forward, address, status, sockets)) continue
      found.push(ofForward(forward, address, status, holder.info?.projectName ?? null))
    }
  }
  return found
}

async function placesOf({ listen }: ForwardStatus): Promise<SocketAddress[]> {
  const addresses = listen.flatMap((text) => parseShownAddress(text) ?? [])
  return Promise.all(
    addresses.map(async (each) =>
      each.kind === 'unix' ? { ...each, path: await realPlace(each.path) } : each,
    ),
  )
}

/** A forward that waits for its address shows it, too: then somebody else has it. */
function isOnlyWanted(
  { problem }: ForwardStatus,
  address: SocketAddress,
  { supervisor }: Status,
  sockets: readonly Listener[],
): boolean {
  const isWaiting = problem?.code === 'PORT_IN_USE' || problem?.code.startsWith('LISTEN_') === true
  const isOwn = ({ owner, address: held }: Listener) =>
    owner?.pid === supervisor.pid && formatSocketAddress(held) === formatSocketAddress(address)
  return isWaiting && !sockets.some(isOwn)
}

function isMeant(address: SocketAddress, asked: Asked): boolean {
  if (address.kind === 'unix') return asked.kind === 'unix' && address.path === asked.path
  if (asked.kind === 'unix') return false
  if (address.port !== asked.port) return false
  if (asked.host === null || address.host === '*' || isWildcard(address.host) || isWildcard(asked.host))
    return true
  if (asked.host === 'localhost') return /^127\.|^::1$/.test(address.host)
  return plainAddress(address.host) === plainAddress(asked.host)
}

function ofForward(
  { name, kind, via, to, state }: ForwardStatus,
  address: SocketAddress,
  { project, files, hosts, supervisor }: Status,
  projectName: string | null,
): Holder {
  return {
    address: formatSocketAddress(address),
    pid: supervisor.pid,
    process: 'tunnels',
    forward: {
      project,
      projectName,
      file: files[0] ?? null,
      name,
      kind: kind === 'dynamic' ? 'dynamic' : 'local',
      via,
      endpoint: hosts.find((host) => host.name === via)?.endpoint ?? null,
      to,
      state,
    },
  }
}

/** Without its owner a socket may be that of a forward that was named already. */
function othersThan(ours: readonly Holder[], sockets: readonly Listener[]): Holder[] {
  const others = sockets.filter(({ address, owner }) =>
    owner
      ? !ours.some(({ pid }) => pid === owner.pid)
      : !ours.some((each) => each.address === formatSocketAddress(address)),
  )
  return others.map(({ address, owner }) => ({
    address: formatSocketAddress(address),
    pid: owner?.pid ?? null,
    process: owner?.name ?? null,
    forward: null,
  }))
}

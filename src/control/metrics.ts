// GET /metrics: the status as Prometheus has it (prom-client's only importer), made anew for each answer in a
// registry of its own, so that nothing is kept beside the status and nothing of it is global.
// Names and units: https://prometheus.io/docs/practices/naming/.

import { Counter, Gauge, Registry } from 'prom-client'
import type { ForwardStatus, HostStatus, Status } from '../model/status.ts'
import { isReady } from '../model/status.ts'

/** A counter begins at 0 again when what it counts is opened anew, as with a restart of the process. */
export async function formatMetrics(status: Status): Promise<{ contentType: string; text: string }> {
  const registry = new Registry()
  const metrics = { registry, project: status.project }
  addSupervisor(metrics, status)
  addHosts(metrics, status.hosts)
  addForwards(metrics, status.forwards)
  return { contentType: registry.contentType, text: await registry.metrics() }
}

interface Metrics {
  registry: Registry
  project: string
}

type Labels = Record<string, string>

function addSupervisor(metrics: Metrics, status: Status): void {
  const { config, supervisor } = status
  const info = gauge(metrics, 'tunnels_info', 'The version that runs.', ['version'])
  info({ version: supervisor.version }, 1)
  const ready = gauge(metrics, 'tunnels_ready', '1 when `tunnels status --check` would be 0.')
  ready({}, Number(isReady(status)))
  const current = gauge(metrics, 'tunnels_config_current', '1 when the file on disk is what runs.')
  current({}, Number(config.state === 'current'))
  const loaded = gauge(metrics, 'tunnels_config_loaded_timestamp_seconds', 'When the file was last taken.')
  if (config.loadedAt) loaded({}, secondsOf(config.loadedAt))
  const started = gauge(metrics, 'process_start_time_seconds', 'When the supervisor was started.')
  started({}, secondsOf(supervisor.startedAt))
  const memory = gauge(metrics, 'process_resident_memory_bytes', 'Memory that the supervisor holds.')
  memory({}, process.memoryUsage.rss())
  const { user, system } = process.cpuUsage()
  counter(
    metrics,
    'process_cpu_seconds_total',
    'CPU time that the supervisor has used.',
  )({}, (user + system) / 1e6)
}

function addHosts(metrics: Metrics, hosts: readonly HostStatus[]): void {
  const up = gauge(metrics, 'tunnels_host_up', '1 when the host is connected.', ['host'])
  const replacingHelp =
    '1 while the connection of before an edit serves, because the new one is not made yet.'
  const replacing = gauge(metrics, 'tunnels_host_replacing', replacingHelp, ['host'])
  const state = gauge(metrics, 'tunnels_host_state', '1 for the state that the host is in.', [
    'host',
    'state',
  ])
  const roundTrip = gauge(metrics, 'tunnels_host_round_trip_seconds', 'The last round trip measured.', [
    'host',
  ])
  const reconnects = counter(metrics, 'tunnels_host_reconnects_total', 'Connections made again.', ['host'])
  for (const host of hosts) {
    const labels = { host: host.name }
    up(labels, Number(host.state === 'open'))
    replacing(labels, Number(host.next !== undefined))
    state({ ...labels, state: host.state }, 1)
    if (host.rttMs !== null) roundTrip(labels, host.rttMs / 1000)
    reconnects(labels, host.reconnects)
  }
}

/** A forward that drains may have the name of one that is open: their figures are added up. */
function addForwards(metrics: Metrics, forwards: readonly ForwardStatus[]): void {
  const labels = ['host', 'forward']
  const up = gauge(metrics, 'tunnels_forward_up', '1 when it listens and its host is connected.', labels)
  const state = gauge(metrics, 'tunnels_forward_state', '1 for the state that it is in.', [
    ...labels,
    'state',
  ])
  const healthyHelp = '1 when its healthcheck passes, 0 when it does not; absent while that is not known.'
  const healthy = gauge(metrics, 'tunnels_forward_healthy', healthyHelp, labels)
  const open = gauge(metrics, 'tunnels_forward_connections', 'Connections open now.', [...labels, 'state'])
  const total = counter(metrics, 'tunnels_forward_connections_total', 'Connections that came.', labels)
  const failedHelp = 'Connections whose target could not be reached.'
  const failed = counter(metrics, 'tunnels_forward_connections_failed_total', failedHelp, labels)
  const refusedHelp = 'Connections turned away by allow_from, allow_to, auth or a limit.'
  const refused = counter(metrics, 'tunnels_forward_connections_refused_total', refusedHelp, labels)
  const receivedHelp = 'Bytes that came to this machine through SSH.'
  const received = counter(metrics, 'tunnels_forward_received_bytes_total', receivedHelp, labels)
  const sentHelp = 'Bytes that left this machine through SSH.'
  const sent = counter(metrics, 'tunnels_forward_sent_bytes_total', sentHelp, labels)
  for (const { name, via, connections, bytes, ...forward } of forwards) {
    const of = { host: via, forward: name }
    up(of, Number(forward.state === 'open'))
    state({ ...of, state: forward.state }, 1)
    if (forward.health !== 'unknown') healthy(of, Number(forward.health === 'healthy'))
    open({ ...of, state: 'active' }, connections.active)
    open({ ...of, state: 'draining' }, connections.draining)
    total(of, connections.total)
    failed(of, connections.failed)
    refused(of, connections.refused)
    received(of, bytes.in)
    sent(of, bytes.out)
  }
}

type Add = (labels: Labels, amount: number) => void

function gauge({ registry, project }: Metrics, name: string, help: string, labels: string[] = []): Add {
  const made = new Gauge({ name, help, labelNames: ['project', ...labels], registers: [registry] })
  return (of, amount) => made.inc({ project, ...of }, amount)
}

function counter({ registry, project }: Metrics, name: string, help: string, labels: string[] = []): Add {
  const made = new Counter({ name, help, labelNames: ['project', ...labels], registers: [registry] })
  return (of, amount) => made.inc({ project, ...of }, amount)
}

function secondsOf(time: string): number {
  return Date.parse(time) / 1000
}

// A status for tests, from the little that a test is about.

import type { ForwardStatus, HostStatus, Status } from '../../src/model/status.ts'

export const since = '2026-03-01T11:55:00.000Z'

export function shownHost(name: string, fields: Partial<HostStatus> = {}): HostStatus {
  return {
    name,
    endpoint: 'deploy@acme.example.com:22',
    state: 'open',
    since,
    rttMs: 1,
    reconnects: 0,
    retryAt: null,
    problem: null,
    ...fields,
  }
}

export function shownForward(name: string, fields: Partial<ForwardStatus> = {}): ForwardStatus {
  return {
    name,
    kind: 'local',
    via: 'acme',
    listen: ['127.0.0.1:9000', '[::1]:9000'],
    to: 'localhost:5432',
    state: 'open',
    since,
    health: 'unknown',
    connections: { active: 1, draining: 0, total: 1, failed: 0, refused: 0 },
    bytes: { in: 0, out: 0 },
    problem: null,
    ...fields,
  }
}

export function shownStatus(fields: Partial<Status> = {}): Status {
  return {
    project: 'shop',
    files: ['/home/me/shop/tunnels.yaml'],
    config: { state: 'current', generation: 1, loadedAt: since, problems: [] },
    supervisor: { pid: 4711, startedAt: since, version: '0.1.0', watching: true },
    hosts: [],
    forwards: [],
    ...fields,
  }
}

// The schemas of what the binary prints as JSON: real values pass, and a value with a hole or a wrong word does not.

import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import type { Event, LogLine } from '../../src/control/protocol.ts'
import type { ProblemCode } from '../../src/model/problem.ts'
import type { Prompt } from '../../src/model/prompt.ts'
import type { Status } from '../../src/model/status.ts'
import type { PlanJson } from '../../src/plan/plan.ts'
import type { RunningProject } from '../../src/view/projects.ts'

function schemaOf(name: string) {
  return JSON.parse(readFileSync(new URL(`../../schema/${name}.schema.json`, import.meta.url), 'utf8'))
}

function validatorOf(name: string) {
  const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true })
  ajv.addFormat('date-time', (text: string) => new Date(text).toJSON() === text)
  return ajv.compile(schemaOf(name))
}

const time = '2026-03-01T11:55:00.000Z'
const at = { file: '/shop/tunnels.yaml', line: 3, column: 5 }
const problem = {
  code: 'PORT_IN_USE',
  summary: 'taken',
  detail: 'by nc',
  hint: 'end it',
  at,
  path: 'forwards.web',
  span: 4,
} as const

const prompt = {
  id: 'b2c1',
  host: 'b',
  kind: 'host_key',
  summary: 'The host key of b is not known',
  detail: 'SHA256:…',
  fields: [{ text: 'yes/no?', echo: true }],
} as const satisfies Prompt

const status: Status = {
  project: 'shop',
  files: ['/shop/tunnels.yaml'],
  config: {
    state: 'invalid',
    generation: 3,
    loadedAt: time,
    problems: [{ ...problem, severity: 'warning' }],
  },
  supervisor: { pid: 4711, startedAt: time, version: '0.1.0', watching: true },
  hosts: [
    {
      name: 'acme',
      endpoint: 'me@acme:22',
      next: { endpoint: 'me@acme:2222', state: 'retrying', since: time },
      state: 'open',
      since: time,
      rttMs: 1.5,
      reconnects: 0,
      retryAt: null,
      problem: null,
    },
    {
      name: 'b',
      endpoint: 'me@b:22',
      state: 'retrying',
      since: time,
      rttMs: null,
      reconnects: 1,
      retryAt: time,
      problem,
      prompt,
    },
  ],
  forwards: [
    {
      name: 'web',
      kind: 'local',
      via: 'acme',
      listen: ['127.0.0.1:9000', '[::1]:9000'],
      to: 'localhost:5432',
      state: 'open',
      since: time,
      health: 'unknown',
      connections: { active: 1, draining: 0, total: 42, failed: 0, refused: 0 },
      bytes: { in: 10_240, out: 512 },
      problem: null,
      description: 'the shop',
      openConnections: [
        {
          from: '127.0.0.1:50312',
          process: { pid: 7, name: 'psql' },
          to: 'localhost:5432',
          since: time,
          bytes: { in: 1, out: 2 },
          draining: false,
        },
        { from: null, process: null, to: null, since: time, bytes: { in: 0, out: 0 }, draining: true },
      ],
    },
  ],
  leases: [{ pid: 4712, since: time, forwards: ['web'] }],
}

const plan: PlanJson = {
  project: 'shop',
  changes: [
    { action: 'update', what: 'forward', name: 'web', cause: 'changed', fields: ['to'], interrupts: 3 },
  ],
  summary: { open: 0, update: 1, reopen: 0, close: 0 },
}

const projects: RunningProject[] = [
  {
    project: 'shop',
    projectName: null,
    files: ['/shop/tunnels.yaml'],
    fileGone: false,
    ...status.supervisor,
    state: 'running',
    config: 'current',
    forwards: { open: 1, total: 2 },
    problem: null,
  },
  {
    project: '',
    projectName: 'shop',
    files: [],
    fileGone: false,
    pid: null,
    startedAt: null,
    version: null,
    watching: null,
    state: 'unreachable',
    config: null,
    forwards: null,
    problem,
  },
]

const events: Event[] = [
  { time, event: 'state', what: 'host', name: 'acme', state: 'open', problem: null },
  { time, event: 'plan', plan },
  { time, event: 'config', state: 'invalid', problems: [problem] },
  { time, event: 'problem', what: 'forward', name: 'web', problem },
  {
    time,
    event: 'connection',
    what: 'forward',
    name: 'web',
    outcome: 'failed',
    from: '127.0.0.1:50312',
    to: null,
    ms: 5,
    bytes: { in: 0, out: 0 },
    problem,
    untold: 3,
  },
  { time, event: 'prompt', what: 'host', name: 'b', prompt },
  { time, event: 'prompt', what: 'host', name: 'b', prompt: null },
  { time, event: 'end' },
]

const logLines: LogLine[] = [
  ...events.map((event) => ({ level: 'info' as const, ...event })),
  { level: 'info', time, event: 'start', pid: 4711, version: '0.1.0' },
  { level: 'error', time, event: 'crash', problem },
  { level: 'warn', time, event: 'lost', lines: 7 },
  { level: 'warn', time, event: 'removed', pid: 4711 },
  { level: 'error', time, event: 'output', text: 'Segmentation fault' },
]

describe('JSON schemas', () => {
  test('status', () => {
    const validate = validatorOf('status')
    expect(validate(status), JSON.stringify(validate.errors)).toBe(true)
    expect(validate({ ...status, hosts: [{ ...status.hosts[0], state: 'up' }] })).toBe(false)
    const { summary: __, ...withoutSummary } = prompt
    expect(validate({ ...status, hosts: [{ ...status.hosts[1], prompt: withoutSummary }] })).toBe(false)
    const { bytes: _, ...withoutBytes } = status.forwards[0]!
    expect(validate({ ...status, forwards: [withoutBytes] })).toBe(false)
  })

  test('plan', () => {
    const validate = validatorOf('plan')
    expect(validate(plan), JSON.stringify(validate.errors)).toBe(true)
    expect(validate({ ...plan, changes: [{ ...plan.changes[0], cause: 'because' }] })).toBe(false)
  })

  test('events', () => {
    const validate = validatorOf('events')
    for (const event of [...events, ...logLines])
      expect(validate(event), JSON.stringify(validate.errors)).toBe(true)
    expect(validate({ time, event: 'state' })).toBe(false)
    expect(validate({ time, event: 'rumour' })).toBe(false)
    expect(validate({ ...events[0], level: 'loud' })).toBe(false)
  })

  test('projects', () => {
    const validate = validatorOf('projects')
    expect(validate({ projects }), JSON.stringify(validate.errors)).toBe(true)
    expect(validate({ projects: [{ ...projects[0], state: 'asleep' }] })).toBe(false)
    const { pid: _, ...withoutPid } = projects[0]!
    expect(validate({ projects: [withoutPid] })).toBe(false)
  })

  test('every problem code is in each schema that has problems', () => {
    const source = readFileSync(new URL('../../src/model/problem.ts', import.meta.url), 'utf8')
    const union = source.slice(source.indexOf('ProblemCode ='), source.indexOf('/** 1-based'))
    const codes = [...union.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code as ProblemCode)
    expect(codes).toContain('INTERNAL')
    for (const name of ['status', 'events', 'projects', 'hostkeys']) {
      expect(schemaOf(name).definitions.problem.properties.code.enum.toSorted()).toEqual(codes.toSorted())
    }
  })
})

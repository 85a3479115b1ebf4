// What stands on the screen of `status --watch` and `up`, and what keys do to it.

import { describe, expect, test } from 'vitest'
import type { ForwardStatus, Status } from '../../src/model/status.ts'
import {
  beginLive,
  formatLive,
  type Key,
  type Live,
  press,
  seeLogLine,
  seeStatus,
} from '../../src/view/live.ts'
import { shownForward, shownHost, shownStatus, since } from './shown.ts'

const now = new Date('2026-03-01T11:56:00.000Z')

function forward(name: string, change: Partial<ForwardStatus> = {}): ForwardStatus {
  return shownForward(name, { listen: ['127.0.0.1:18080', '[::1]:18080'], to: 'localhost:18081', ...change })
}

function statusWith(forwards: ForwardStatus[], hosts = 1): Status {
  const names = Array.from({ length: hosts }, (_, at) => (at === 0 ? 'acme' : `host${at}`))
  return shownStatus({ hosts: names.map((name) => shownHost(name)), forwards })
}

const threeForwards = statusWith([forward('web'), forward('postgres'), forward('browse')])

function linesOf(live: Live, { rows = 24, columns = 80 } = {}): string[] {
  const view = { rows, columns, color: false, now, leaving: 'q leaves', hasKeys: true }
  return formatLive(live, view).split('\n')
}

function pressed(live: Live, ...keys: Key[]): ReturnType<typeof press> {
  return keys.reduce<ReturnType<typeof press>>((so, key) => press(so.live, key), { live })
}

/** Ten looks, one a second, with so many bytes more at each. */
function afterLooks(status: Status, bytes: number[]): Live {
  let [live, total] = [beginLive(status, 0), 0]
  for (const [at, more] of bytes.entries()) {
    total += more
    const forwards = status.forwards.map((one) => ({ ...one, bytes: { in: total, out: 0 } }))
    live = seeStatus(live, { ...status, forwards }, (at + 1) * 1_000)
  }
  return live
}

test.each([
  [80, 24],
  [80, 8],
  [200, 50],
  [100, 10],
  [40, 5],
  [20, 3],
])('it fits %i columns and %i rows, with the keys below', (columns, rows) => {
  const many = statusWith(
    Array.from({ length: 60 }, (_, at) => forward(`forward-${at}`)),
    9,
  )
  let live = afterLooks(many, [3e6, 5e6, 1e9])
  for (let line = 0; line < 30; line++)
    live = seeLogLine(live, { level: 'info', time: since, event: 'start', pid: line, version: '1' })
  const lines = linesOf(live, { rows, columns })
  expect(lines.length).toBe(rows)
  expect(lines.at(-1)).toContain('q leaves')
  const table = lines.filter((line) => /^[› ] {2}forward-/.test(line))
  for (const line of table) expect(line.length, line).toBeLessThanOrEqual(columns)
  if (rows >= 8) expect(table.length).toBeGreaterThan(0)
})

test('where a forward listens is shown with its port, however narrow', () => {
  const long = 'an-internal-name.example.com:5432'
  const forwards = [
    forward('web', { via: 'deploy@bastion.example.com:2222', to: long, bytes: { in: 9e6, out: 9e6 } }),
    forward('hook', { kind: 'remote', listen: ['localhost:18090'], to: 'localhost:3000' }),
    forward('db', {
      listen: ['/run/user/1000/postgres/.s.PGSQL.5432'],
      to: '/var/run/postgresql/.s.PGSQL.5432',
    }),
  ]
  const live = afterLooks(statusWith(forwards), [3e6, 2e7, 2e7])
  for (const columns of [80, 100, 110, 140]) {
    const [web, hook, db] = linesOf(live, { columns }).filter((line) => /^[› ] {2}(web|hook|db) /.test(line))
    expect(web).toMatch(/:18080 .*:5432 /)
    expect(hook).toMatch(/:18090 .*:3000 /)
    expect(db?.match(/\.5432 /g)).toHaveLength(2)
  }
})

test('a hint is there to its end', () => {
  const problem = {
    code: 'HOST_KEY_UNKNOWN',
    summary: `The host key of acme is not known, ${'and so on '.repeat(10)}`,
    hint: `Set \`host_keys: ["SHA256:${'x'.repeat(43)}"]\` in hosts.acme, after comparing the key with what its owner says`,
  } as const
  const live = beginLive(statusWith([forward('web', { state: 'waiting', problem })]), 0)
  for (const columns of [40, 80]) {
    const lines = linesOf(live, { columns })
    for (const line of lines.slice(1)) expect(line.length, line).toBeLessThanOrEqual(columns)
    expect(lines.map((line) => line.trim()).join(' ')).toContain('the key with what its owner says')
  }
})

test('what is wrong is seen, however many there are and however low the terminal', () => {
  const problem = { code: 'HOST_UNREACHABLE', summary: 'Nobody is there', hint: 'Look there' } as const
  const many = Array.from({ length: 24 }, (_, at) => forward(`service-${at}`))
  const lost = forward('lost', { state: 'retrying', via: 'dead', problem })
  const status = statusWith([...many, lost], 6)
  status.hosts[5] = { ...status.hosts[5]!, name: 'dead', state: 'retrying', problem }
  for (const rows of [8, 10, 18, 24, 40]) {
    const lines = linesOf(beginLive(status, 0), { rows })
    expect(lines).toHaveLength(rows)
    expect(lines.join('\n')).toMatch(/dead: Nobody is there/)
    expect(lines.filter((line) => /^[› ] {2}service/.test(line)).length).toBeGreaterThan(1)
    if (rows < 40) expect(lines.join('\n')).toMatch(/… \d+ more/)
    if (rows >= 18) expect(lines.some((line) => /^dead +retrying/.test(line))).toBe(true)
  }
  const several = {
    ...status,
    hosts: [],
    forwards: many.map((one) => ({ ...one, problem: { ...problem, summary: one.name } })),
  }
  const lines = linesOf(beginLive(several, 0)).join('\n')
  expect(lines).toMatch(/of them in trouble/)
  expect(lines).toMatch(/^… \d+ more$/m)
})

test('a broken file is one problem, with its reason', () => {
  const summary = 'A bracket is opened and not closed'
  const broken = {
    ...threeForwards,
    config: {
      ...threeForwards.config,
      state: 'invalid' as const,
      problems: [{ code: 'CONFIG_SYNTAX' as const, summary }],
    },
  }
  const low = linesOf(beginLive(broken, 0), { rows: 9 }).join('\n')
  expect(low).toMatch(/^The file on disk is broken/m)
  expect(linesOf(beginLive(broken, 0)).join('\n')).toMatch(/is broken.*\n.*A bracket is opened/)
})

test('names are told from each other before there are bars', () => {
  const forwards = Array.from({ length: 3 }, (_, at) =>
    forward(`service-${at}`, { listen: ['127.0.0.1:24000'], to: '127.0.0.1:23999', health: 'unhealthy' }),
  )
  for (const columns of [80, 100, 120, 140])
    for (const name of ['service-0', 'service-1'])
      expect(linesOf(afterLooks(statusWith(forwards), [3e6, 3e6]), { columns }).join('\n')).toContain(
        `${name} `,
      )
})

describe('rates', () => {
  test('are bytes a second since the last look, with a bar for each of the last looks', () => {
    const live = afterLooks(statusWith([forward('web')]), [0, 1024, 4096, 2048])
    const row = linesOf(live, { columns: 200 }).find((line) => line.includes('web'))
    expect(row).toContain('2.0 KiB/s')
    expect(row).toContain('▁▃█▅')
  })

  test('that moved at all are told from those that did not', () => {
    const live = afterLooks(statusWith([forward('web')]), [1e9, 1, 0])
    expect(linesOf(live, { columns: 200 }).find((line) => line.includes('web'))).toContain('█▂▁')
  })

  test('begin anew where a forward was opened again', () => {
    const live = afterLooks(statusWith([forward('web')]), [1_000_000])
    const again = seeStatus(live, statusWith([forward('web', { bytes: { in: 2048, out: 0 } })]), 2_000)
    expect(linesOf(again, { columns: 200 }).find((line) => line.includes('web'))).toContain('2.0 KiB/s')
  })
})

describe('keys', () => {
  const marked = (live: Live) => linesOf(live).find((line) => line.startsWith('›'))

  test('choose, and stay with their forward while it is opened again', () => {
    const live = pressed(beginLive(threeForwards, 0), 'down').live
    expect(marked(live)).toMatch(/postgres/)
    const without = seeStatus(live, statusWith([forward('web'), forward('browse')]), 100)
    expect(press(without, 'restart').wish).toBeUndefined()
    expect(marked(seeStatus(without, threeForwards, 200))).toMatch(/postgres/)
    expect(marked(pressed(live, 'down', 'down', 'down').live)).toMatch(/browse/)
    expect(marked(pressed(live, 'up', 'up').live)).toMatch(/web/)
  })

  test('restart at once, close only when pressed again', () => {
    const live = beginLive(threeForwards, 0)
    expect(press(live, 'restart').wish).toEqual({ verb: 'restart', name: 'web' })
    const once = press(live, 'close')
    expect(once.wish).toBeUndefined()
    expect(linesOf(once.live).join('\n')).toMatch(/web \(1 open connection is cut\): c again closes it/)
    expect(press(once.live, 'close').wish).toEqual({ verb: 'close', name: 'web' })
    expect(pressed(once.live, 'down', 'close').wish).toBeUndefined()
    expect(pressed(once.live, 'other', 'close').wish).toBeUndefined()
  })

  test('show the log of the chosen one, with what its host did', () => {
    const told = ['web', 'postgres', 'acme'].map((name) => ({
      name,
      what: name === 'acme' ? 'host' : 'forward',
    }))
    let live = beginLive(threeForwards, 0)
    for (const { name, what } of told)
      live = seeLogLine(live, {
        level: 'info',
        time: since,
        event: 'state',
        what: what as 'host' | 'forward',
        name,
        state: 'open',
        problem: null,
      })
    const log = (of: Live) =>
      linesOf(of).flatMap((line) => /(?:host|forward) (\w+): open/.exec(line)?.[1] ?? [])
    expect(log(live)).toEqual(['web', 'postgres', 'acme'])
    expect(log(press(live, 'log').live)).toEqual(['web', 'acme'])
    expect(log(pressed(live, 'log', 'log').live)).toEqual(['web', 'postgres', 'acme'])
  })
})

test('the chosen forward is in sight, however many there are', () => {
  const many = statusWith(Array.from({ length: 100 }, (_, at) => forward(`f${at}`)))
  let live = beginLive(many, 0)
  for (let at = 0; at < 70; at++) live = press(live, 'down').live
  expect(linesOf(live).some((line) => line.startsWith('›  f70 '))).toBe(true)
})

test('what a server or a file says moves nothing on the screen', () => {
  const live = beginLive(statusWith([forward('web', { to: '\x1b[2J\u202e' })]), 0)
  const word = { ...live, word: '\x1b]0;title\x07' }
  expect(linesOf(word).join('\n')).not.toMatch(/[\x00-\x09\x0b-\x1f\x9b\u202e]/)
})

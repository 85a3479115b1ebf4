import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { ForwardStatus, Status } from '../../src/model/status.ts'
import { formatStatus } from '../../src/view/status.ts'
import { shownForward, shownHost, shownStatus, since } from './shown.ts'

const now = new Date('2026-03-01T12:00:00Z')
const acme = shownHost('acme', { rttMs: 12.4, reconnects: 2 })
const postgres = shownForward('postgres', {
  connections: { active: 1, draining: 0, total: 42, failed: 0, refused: 0 },
  bytes: { in: 10_240, out: 512 },
})
const statusOf = (change: Partial<Status> = {}) =>
  shownStatus({ hosts: [acme], forwards: [postgres], ...change })

const plain = { columns: null, color: false, now }

describe('status for people', () => {
  test('shows each host and forward with what a person asks for', () => {
    expect(formatStatus(statusOf(), plain)).toBe(
      [
        'shop: /home/me/shop/tunnels.yaml (process 4711)',
        '',
        'HOST  STATE  FOR  ENDPOINT                      RTT  RECONNECTS',
        'acme  open   5m   deploy@acme.example.com:22  12 ms           2',
        '',
        'FORWARD   STATE  FOR  LISTEN          TO              VIA   CONNS        IN    OUT',
        'postgres  open   5m   localhost:9000  localhost:5432  acme   1/42  10.0 KiB  512 B',
        '',
      ].join('\n'),
    )
  })

  test.each([40, 60, 80, 100])('fits %i columns, and still says the name and the state', (columns) => {
    const long: ForwardStatus = {
      ...postgres,
      name: 'a-forward-with-a-very-long-name-indeed',
      to: 'a-database.in.a.very.long.internal.domain.example.com:5432',
      state: 'retrying',
    }
    const lines = formatStatus(statusOf({ forwards: [postgres, long] }), { ...plain, columns }).split('\n')
    for (const line of lines.slice(1)) expect([...line].length).toBeLessThanOrEqual(columns)
    expect(lines.some((line) => line.startsWith('a-forwa') && line.includes('retrying'))).toBe(true)
  })

  test('a problem is told once with its hint, also where a forward only shares its host problem', () => {
    const problem = {
      code: 'HOST_UNREACHABLE',
      summary: 'acme cannot be reached',
      hint: 'Check the VPN',
    } as const
    const status = statusOf({
      hosts: [{ ...acme, state: 'retrying', problem }],
      forwards: [{ ...postgres, state: 'retrying', problem }],
    })
    const text = formatStatus(status, plain)
    expect(text.match(/acme cannot be reached/g)).toHaveLength(1)
    expect(text).toContain('  Check the VPN')
  })

  test('a host that retries says when', () => {
    const problem = { code: 'HOST_UNREACHABLE', summary: 'acme cannot be reached' } as const
    const retrying = { ...acme, state: 'retrying', problem } as const
    const shown = (retryAt: string | null) =>
      formatStatus(statusOf({ hosts: [{ ...retrying, retryAt }] }), plain)
    expect(shown('2026-03-01T12:00:01.200Z')).toContain('acme: acme cannot be reached\n  Next try in 2 s\n')
    expect(shown('2026-03-01T12:00:00Z')).toContain('  Next try now\n')
    expect(shown(null)).not.toContain('Next try')
  })

  test('says which connection is to come, and for how long it has been tried', () => {
    const next = { endpoint: 'deploy@new:22', state: 'retrying', since } as const
    const summary = 'acme still goes through deploy@acme.example.com:22: new refused the connection'
    const problem = { code: 'HOST_UNREACHABLE', summary } as const
    const text = formatStatus(statusOf({ hosts: [{ ...acme, problem, next }] }), plain)
    expect(text).toContain(`acme: ${summary}\n`)
    expect(text).toContain('acme goes through deploy@new:22 once that is connected: retrying for 5m\n')
  })

  test('what the file only warns of comes last, each once', () => {
    const warning = { code: 'CONFIG_WARNING', summary: 'web listens widely', severity: 'warning' } as const
    const refused = { code: 'HOST_UNREACHABLE', summary: 'acme cannot be reached' } as const
    const problems = [warning, { ...warning }]
    const text = formatStatus(
      statusOf({
        config: { state: 'current', generation: 1, loadedAt: since, problems },
        hosts: [{ ...acme, problem: refused }],
      }),
      plain,
    )
    expect(text.match(/web listens widely/g)).toHaveLength(1)
    expect(text.indexOf('web listens widely')).toBeGreaterThan(text.indexOf('acme cannot be reached'))
  })

  test('says that the last good file runs on when the one on disk is broken, and where', () => {
    const at = { file: '/home/me/shop/tunnels.yaml', line: 3, column: 7 }
    const problems = [{ code: 'CONFIG_SYNTAX', summary: 'A tab', at } as const]
    const config = { state: 'invalid', generation: 1, loadedAt: since, problems } as const
    const text = formatStatus(statusOf({ config }), plain)
    expect(text).toContain('the last good one runs on')
    expect(text).toContain('/home/me/shop/tunnels.yaml:3:7: A tab')
  })

  test('counts connections that failed or were turned away', () => {
    const connections = { active: 0, draining: 1, total: 9, failed: 3, refused: 2 }
    const text = formatStatus(statusOf({ forwards: [{ ...postgres, connections }] }), plain)
    expect(text).toContain('0+1/9')
    expect(text).toContain('3 could not reach the target, 2 turned away')
  })

  test('nothing from a file or a server reaches the controls of the terminal', () => {
    const nasty = '\x1b[2J\x07\u202eevil\r\n'
    const problem = { code: 'INTERNAL', summary: nasty, detail: nasty, hint: nasty } as const
    const text = formatStatus(
      statusOf({
        project: nasty,
        files: [nasty],
        hosts: [{ ...acme, name: nasty, endpoint: nasty, problem }],
        forwards: [{ ...postgres, to: nasty, listen: [nasty], via: nasty }],
      }),
      plain,
    )
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
    expect(text).toContain('\\x1b[2J')
  })

  test('colours change nothing but colours', () => {
    const colored = formatStatus(statusOf(), { ...plain, color: true })
    expect(colored).toContain('\x1b[32mopen')
    expect(stripVTControlCharacters(colored).replace(/ +$/gm, '')).toBe(formatStatus(statusOf(), plain))
  })

  test('says what a host waits for, and how to answer it', () => {
    const prompt = {
      id: 'x',
      host: 'acme',
      kind: 'host_key',
      summary: 'The host key of acme is \x1b[31mnot known',
      fields: [],
    } as const
    const text = formatStatus(
      statusOf({ hosts: [{ ...acme, state: 'waiting', prompt: { ...prompt, fields: [] } }] }),
      plain,
    )
    expect(text).toContain('acme waits for an answer: The host key of acme is \\x1b[31mnot known\n')
    expect(text).toContain('Run `tunnels up` on a terminal')
  })
})

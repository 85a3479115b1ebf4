// A question about a stranger's file: what runs commands comes first, and nothing of it can hide, or hide the rest.

import { expect, test } from 'vitest'
import { type TrustItem, type TrustKind, untrustedProblems } from '../../src/model/trust.ts'
import { formatTrust } from '../../src/view/trust.ts'

function item(kind: TrustKind, path: string, text: string, more: Partial<TrustItem> = {}): TrustItem {
  return { kind, path, text, hash: `${kind}${path}`, owner: { what: 'host', name: 'gw' }, ...more }
}

const lines = (items: TrustItem[], all = false) => formatTrust(items, { color: false, all, cwd: '/shop' })

test('groups, the most dangerous first, each with its place', () => {
  const at = { file: '/shop/tunnels.yaml', line: 7, column: 3 }
  const items = [
    item('remote', 'forwards.web.remote', '7000 on gw leads to localhost:80 here'),
    item('known_hosts', 'hosts.gw.user_known_hosts_file', '/a'),
    item('password_env', 'hosts.gw.password_env', 'sends what PW holds to gw'),
    item('proxy_command', 'hosts.gw.proxy_command', 'nc %h %p', { at }),
  ]
  expect(lines(items)).toEqual([
    '  run commands:',
    '    hosts.gw.proxy_command: nc %h %p (tunnels.yaml:7)',
    '  use your secrets:',
    '    hosts.gw.password_env: sends what PW holds to gw',
    '  decide which servers are believed:',
    '    hosts.gw.user_known_hosts_file: /a',
    '  open ports to others:',
    '    forwards.web.remote: 7000 on gw leads to localhost:80 here',
  ])
})

test('five thousand of one kind do not scroll the other away, and the rest is counted', () => {
  const many = Array.from({ length: 5000 }, (_, index) =>
    item('remote', `forwards.f${index}.remote`, `${index} on gw`),
  )
  const shown = lines([...many, item('proxy_command', 'hosts.gw.proxy_command', 'evil')])
  expect(shown.length).toBeLessThan(30)
  expect(shown[1]).toBe('    hosts.gw.proxy_command: evil')
  expect(shown.at(-1)).toContain('4980 more')
  expect(lines(many, true)).toHaveLength(5001)
  const problems = untrustedProblems([...many, item('proxy_command', 'hosts.gw.proxy_command', 'evil')])
  expect(problems).toHaveLength(50)
  expect(problems[0]).toMatchObject({ code: 'UNTRUSTED', path: 'hosts.gw.proxy_command' })
  expect(problems.at(-1)!.detail).toContain('4951 more')
})

test('what says the same in many places is one line', () => {
  const same = Array.from({ length: 50 }, (_, index) =>
    item('proxy_command', `hosts.h${index}.proxy_command`, 'nc'),
  )
  expect(lines(same)).toEqual([
    '  run commands:',
    '    hosts.h0.proxy_command, hosts.h1.proxy_command, hosts.h2.proxy_command and 47 more: nc',
  ])
})

test.each([
  ['\u001b[2Jgone', '\\x1b[2Jgone'],
  ['a\nb\r', 'a\\x0ab\\x0d'],
  ['\u202eevil', '\\u202eevil'],
  ['zero\u200bwidth\ufeff', 'zero\\u200bwidth\\ufeff'],
  ['selector\ufe0f', 'selector\\u{fe0f}'],
  [`nc${' '.repeat(4000)}; evil`, 'nc (4000 blanks) ; evil'],
  [`nc ${'x'.repeat(4000)} evil`, `nc ${'x'.repeat(237)} … (3608 more characters) … ${'x'.repeat(155)} evil`],
])('%j is shown as what it is', (text, expected) => {
  const [, line] = lines([item('proxy_command', 'p', text)])
  expect(line).toBe(`    p: ${expected}`)
})

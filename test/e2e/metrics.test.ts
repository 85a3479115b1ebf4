// What Prometheus and Grafana make of a running project: their own tools read it.

import { execFile, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { exchange } from '../helpers/clients.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { startEchoAfterEnd } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { forwardWhen, projectVia } from './project-via.ts'

const run = promisify(execFile)
const DASHBOARD = join(import.meta.dirname, '../../examples/grafana-dashboard.json')

/** Of Debian's package prometheus. */
async function promtool(args: string[], input = ''): Promise<string> {
  const child = spawn('promtool', args)
  const failed = new Promise<never>((_, reject) => {
    child.on('error', () => reject(new Error('promtool is not there: install the package prometheus')))
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return Promise.race([
    failed,
    Promise.all([text(child.stdout), text(child.stderr)]).then((said) => said.join('')),
  ])
}

test('promtool finds nothing to mend, the dashboard asks only for what is there, and figures are those of status', async () => {
  const [sshd, echo, port] = [await startSshd(), await startEchoAfterEnd(), await freePort()]
  const cli = projectVia(sshd, { web: { local: port, to: echo.port } })
  await cli.up()
  await exchange(port, 'x'.repeat(1000))
  await forwardWhen(cli, 'web', ({ bytes }) => bytes.in === 1000)
  const runtime = cli.env.TUNNELS_RUNTIME_DIR!
  const name = readdirSync(runtime, { recursive: true }).find((entry) => String(entry).endsWith('.sock'))
  const socket = join(runtime, String(name))
  const { stdout: metrics } = await run('curl', ['-sS', '--unix-socket', socket, 'http://localhost/metrics'])
  expect(await promtool(['check', 'metrics'], metrics)).toBe('')
  expect(metrics).toMatch(/tunnels_forward_received_bytes_total\{[^}]*forward="web"[^}]*\} 1000\n/)

  const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8'))
  const asked: string[] = panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m')),
  )
  const there = new Set([...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
  for (const expr of asked)
    for (const [name] of expr.matchAll(/\b(?:tunnels|process)_\w+/g)) expect([...there]).toContain(name)
  const rules = asked.map((expr, at) => ({ record: `panel:${at}`, expr }))
  const file = testFolder().write('rules.json', JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  expect(await promtool(['check', 'rules', file])).toMatch(new RegExp(`SUCCESS: ${rules.length} rules found`))
})

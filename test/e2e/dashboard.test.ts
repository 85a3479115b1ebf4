// `tunnels dashboard` as a person uses it, in a real browser: what it shows is true, what is clicked happens, and no
// other page gets at it.

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Browser } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { openBrowser, type Page } from '../helpers/chromium.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { type CliProject, hostYaml, project, type RunningCli } from '../helpers/cli.ts'
import { exchange } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePorts } from '../helpers/ports.ts'
import { startEcho, startHttp } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { attack, looks } from './in-page.mjs'
import { forwardOf } from './project-via.ts'

let sshd: Sshd
let browser: Browser

beforeAll(async () => {
  ;[sshd, browser] = await Promise.all([startSshd(), openBrowser()])
}, 120_000)

const PATIENCE_MS = 60_000
/** What a cloned file could say; as an element it would change the title. */
const MARKUP = '<img src=x onerror="document.title=1"><b>bold</b> \u202etxet'

/** As long as a name may be. */
const LONG = `long${'-name'.repeat(12)}`

interface Forward {
  local: number | string
  to: number | string
  description?: string
}

function fileOf(forwards: Record<string, Forward>): string {
  const all = Object.entries(forwards).map(([name, forward]) => [name, { via: 'acme', ...forward }])
  return `{ name: shop, hosts: { acme: ${hostYaml(sshd)} }, forwards: ${JSON.stringify(Object.fromEntries(all))} }`
}

/** Stands on stdout, alone. */
async function startDashboard(cli: CliProject): Promise<{ dashboard: RunningCli; url: string }> {
  const dashboard = cli.start(['dashboard'], { timeoutMs: 600_000 })
  const [url] = await eventually(() =>
    /^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43}\n$/.exec(dashboard.stdout()),
  )
  return { dashboard, url: url.trim() }
}

interface Seen {
  page: Page
  /** What the browser complained of: errors, refused scripts and styles. */
  complaints: string[]
}

async function openPage(url: string): Promise<Seen> {
  const context = await browser.newContext({ viewport: { width: 1600, height: 1000 } })
  atEnd(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return
    // Chromium tells each answer that is no 200.
    if (!/status of 4|net::ERR_/.test(message.text())) complaints.push(message.text())
  })
  await page.goto(url)
  return { page, complaints }
}

function when(check: () => Promise<unknown>): Promise<unknown> {
  return eventually(async () => void (await check()), { timeoutMs: PATIENCE_MS, everyMs: 100 })
}

test('it shows what is true, and what is clicked happens', { timeout: 400_000 }, async () => {
  const [echo, [local, second, third]] = await Promise.all([startEcho(), freePorts(3)])
  const forwards = {
    web: { local: local!, to: echo.port, description: MARKUP },
    db: { local: second!, to: echo.port },
    [LONG]: { local: './x.sock', to: `${'long-'.repeat(9)}name.${'label.'.repeat(9)}example.com:5432` },
  }
  const cli = project({ 'tunnels.yaml': fileOf(forwards) })
  const { dashboard, url } = await startDashboard(cli)
  const { page, complaints } = await openPage(url)
  const row = (name: string) => page.locator(`tr[data-forward="${name}"]`)
  const textOf = (selector: string) => page.locator(selector).textContent()
  const has = (selector: string, text: string | RegExp) =>
    when(async () => expect(await textOf(selector)).toMatch(text))

  // Nothing runs yet; the token has left the address, and the page comes back without it.
  await has('.notice', 'Nothing is running')
  expect(page.url()).toBe(`${new URL(url).origin}/`)
  await cli.up(['--no-watch'])
  await when(async () =>
    expect(await row('web').textContent()).toMatch(/open.*localhost:\d+ → localhost:\d+.*via acme/),
  )
  await page.reload()
  await has('.hosts', /acme\s+open/)
  await has('tr[data-forward="db"]', 'open')
  expect(await textOf('h1')).toBe('shop')

  // What a file says is text.
  await has(
    'tr[data-forward="web"] .description',
    '<img src=x onerror="document.title=1"><b>bold</b> \\u202etxet',
  )
  expect(await page.locator('img, b').count()).toBe(0)

  // Bytes move.
  await exchange(local!, Buffer.alloc(300_000, 1))
  await has('tr[data-forward="web"] .in', /293 KiB/)
  await has('tr[data-forward="web"] .conns', /0 of 1/)
  await when(async () => expect(await row('web').locator('.spark .line').getAttribute('points')).toMatch(/ /))

  // Restarted by the keyboard; where a connection would be cut, that is asked first.
  const held = connect(local!, '127.0.0.1').on('error', () => {})
  atEnd(() => void held.destroy())
  await has('tr[data-forward="web"] .conns', /1 of 2/)
  const { since } = await forwardOf(cli, 'web')
  await row('web').getByRole('button', { name: 'Restart web' }).focus()
  await page.keyboard.press('Enter')
  await has('tr[data-forward="web"] .acts', 'Restart, cut 1')
  await page.keyboard.press('Escape')
  await row('web').getByRole('button', { name: 'Restart web' }).click()
  expect((await forwardOf(cli, 'web')).since).toBe(since)
  await row('web')
    .getByRole('button', { name: /Restart, cut 1/ })
    .click()
  await when(async () => expect(held.closed).toBe(true))
  await has('.word', 'Restarted web')
  await when(async () =>
    expect(await forwardOf(cli, 'web')).toMatchObject({ state: 'open', connections: { total: 0 } }),
  )

  // Closed and opened.
  await row('db').getByRole('button', { name: 'Close db' }).click()
  await has('tr[data-forward="db"] .state', 'closed')
  expect((await cli.status()).forwards.map(({ name }) => name)).toEqual(['web', LONG])
  await row('db').getByRole('button', { name: 'Open db' }).click()
  await has('tr[data-forward="db"] .state', 'open')
  expect((await exchange(second!, 'through')).toString()).toBe('through')

  // Chosen: its plot and its log alone.
  await row('db').getByRole('button', { name: 'db', exact: true }).click()
  await has('#plot-title', /^db$/)
  await has('.log', /Log of db, acme[\s\S]*forward db: open/)
  expect(await textOf('.lines')).not.toContain('forward web')

  // An edit is planned, then applied with a problem; a broken one is told with its place.
  const taken = await startHttp(undefined, { port: third! })
  cli.write('tunnels.yaml', fileOf({ ...forwards, taken: { local: taken.port, to: echo.port } }))
  await has('.plan', /\+\s*open forward taken: declared in the file/)
  await has('.facts', 'the file has changed')
  expect((await cli.run(['reload'])).code).toBe(0)
  await has(
    '.troubles',
    new RegExp(`taken does not listen[\\s\\S]*${taken.port} is already in use[\\s\\S]*PORT_IN_USE`),
  )
  await when(async () => expect(await page.locator('.plan').count()).toBe(0))
  cli.write('tunnels.yaml', `${fileOf(forwards)}\nforwards: twice`)
  expect((await cli.run(['reload'])).code).toBe(2)
  await has('.troubles', /tunnels\.yaml:2:1/)
  await has('.facts', 'the file is broken')

  // As wide as a phone and as a desk, light and dark: nothing sticks out, and all of it can be read.
  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [360, 1_101, 1_441, 1_600]) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 900 })
      await when(async () =>
        expect(await page.evaluate(looks)).toEqual({
          wider: 0,
          over: 0,
          faint: [],
          dark: colorScheme === 'dark',
        }),
      )
      expect(await row('web').getByRole('button', { name: 'Close web' }).isVisible()).toBe(true)
    }
  expect(complaints).toEqual([])
  expect(await page.title()).toMatch(/^\d problems · shop$/)

  // It outlives the supervisor, and follows the next one.
  await cli.down()
  await has('.notice', 'The supervisor has ended')
  cli.write('tunnels.yaml', fileOf(forwards))
  await cli.up()
  await has('tr[data-forward="web"]', 'open')
  dashboard.signal('SIGINT')
  expect((await dashboard.ended).code).toBe(130)
  await has('.notice', 'The dashboard has ended')
  expect((await cli.status()).forwards).toHaveLength(3)
})

test('no other page, nobody without the token, and nothing that is left behind gets at it', {
  timeout: 200_000,
}, async () => {
  const [echo, [local]] = await Promise.all([startEcho(), freePorts(1)])
  const cli = project({ 'tunnels.yaml': fileOf({ web: { local: local!, to: echo.port } }) })
  await cli.up()
  const { dashboard, url } = await startDashboard(cli)
  const { origin } = new URL(url)
  const token = new URL(url).searchParams.get('token')!

  // Another port of this machine is what a forward to a far web server looks like. It even has the token.
  const evil = await startHttp(() => '<!doctype html><title>evil</title>')
  const { page } = await openPage(`http://127.0.0.1:${evil.port}/`)
  const got = await page.evaluate(attack, { origin, url, token })
  expect(got).toEqual({
    read: 'refused',
    blind: 'refused',
    simple: 'refused',
    framed: 'nothing',
    script: 'refused',
    cookie: '',
  })
  // A name that leads here, as DNS rebinding does.
  await page.goto(`${url.replace('127.0.0.1', 'localhost')}`)
  expect(await page.locator('body').textContent()).toMatch(/^only as http:\/\/127\.0\.0\.1:\d+\n$/)
  await page.goto(`${origin}/`)
  expect(await page.locator('body').textContent()).toMatch(/opens with the address/)
  expect((await forwardOf(cli, 'web')).state).toBe('open')
  expect(evil.requests.some(({ headers }) => JSON.stringify(headers).includes(token))).toBe(false)

  // Only the terminal has it.
  expect(dashboard.stderr()).not.toContain(token)
  expect(readFileSync(`/proc/${dashboard.pid}/cmdline`, 'utf8')).not.toContain(token)
  expect((await cli.run(['logs', '--json'])).stdout).not.toContain(token)
  dashboard.signal('SIGTERM')
  expect((await dashboard.ended).code).toBe(143)
  const stranger = await cli.run(['dashboard'], { cwd: testFolder().path })
  expect(stranger.code).toBe(3)
})

// What a file may get wrong, what this machine may refuse, and what must never be told to anybody.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Problem } from '../../src/model/problem.ts'
import { placesOfTen, tenMistakes } from '../fixtures/ten-mistakes.ts'
import { type CliResult, hostYaml, project } from '../helpers/cli.ts'
import { curl, exchange, fetchText } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts, hasIpv6 } from '../helpers/ports.ts'
import { startEcho, startHttp, startServer } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'

describe('a file with ten different mistakes', () => {
  test.each([['validate'], ['config'], ['up'], ['up -d'], ['plan']])(
    '%s: all at once, as JSON, exit 2',
    async (command) => {
      const cli = project({ 'tunnels.yaml': tenMistakes })
      const result = await cli.run([...command.split(' '), '--json'])
      expect(result).toMatchObject({ code: 2, stderr: '' })
      const { problems } = JSON.parse(result.stdout) as { problems: Problem[] }
      expect(problems.map(({ at, code, path }) => `${at?.line}:${at?.column} ${code} ${path}`)).toEqual(
        placesOfTen,
      )
      expect(new Set(problems.map(({ at }) => at?.file))).toEqual(new Set([join(cli.folder, 'tunnels.yaml')]))
      expect((await cli.run(['status'])).code).toBe(3)
    },
  )

  test('for a person each has its sentence, its line and a caret under the place', async () => {
    const cli = project({ 'tunnels.yaml': tenMistakes })
    const { code, stdout, stderr } = await cli.run(['validate'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    const lines = tenMistakes.split('\n')
    for (const place of placesOfTen) {
      const [line, column] = place.split(' ')[0]!.split(':').map(Number) as [number, number]
      expect(stderr).toContain(`tunnels.yaml:${line}:${column}`)
      const shown = stderr.split('\n')
      const at = shown.findIndex(
        (row) => new RegExp(`\\b${line}\\b`).test(row) && row.endsWith(lines[line - 1]!),
      )
      expect(at, `line ${line} is shown`).toBeGreaterThan(-1)
      const indent = shown[at]!.length - lines[line - 1]!.length
      expect(shown[at + 1]!.indexOf('^')).toBe(indent + column - 1)
    }
    expect(stderr).toMatch(/hostname/)
    expect(stderr).toMatch(/bastion\?/)
  })
})

describe('a taken port', () => {
  test('the others come up; the problem names forward, address and process; it heals when released', async () => {
    const [sshd, echo, [taken, free]] = await Promise.all([startSshd(), startEcho(), freePorts(2)])
    const squatter = await startServer((socket) => socket.destroy(), { port: taken! })
    const cli = project({
      'tunnels.yaml': `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:
  db: -L 127.0.0.1:${taken}:127.0.0.1:${echo.port} acme
  web: -L ${free}:127.0.0.1:${echo.port} acme\n`,
    })
    const up = await cli.run(['up', '-d'])
    expect(up).toMatchObject({ code: 1, stdout: '' })
    expect(up.stderr).toContain('db is retrying')
    expect(up.stderr).not.toContain('web is')
    expect(up.stderr).toContain(`127.0.0.1:${taken}`)
    // The process that holds it is this one.
    if (process.platform === 'linux') expect(up.stderr).toContain(`pid ${process.pid}`)
    const json = await cli.run(['up', '-d', '--json'])
    expect(json.code).toBe(1)
    expect(JSON.parse(json.stdout).problems).toMatchObject([{ code: 'PORT_IN_USE' }])
    expect((await exchange(free!, 'comes up')).toString()).toBe('comes up')
    expect((await cli.run(['status', '--check'])).code).toBe(1)
    const plan = await cli.run(['plan', '--detailed-exitcode'])
    expect(plan).toMatchObject({ code: 0, stdout: 'Nothing to change\n' })

    await squatter.stop()
    await eventually(async () => expect((await exchange(taken!, 'healed')).toString()).toBe('healed'))
    await eventually(async () => {
      expect((await cli.status()).forwards).toMatchObject([
        { name: 'db', state: 'open', problem: null },
        { name: 'web', state: 'open', problem: null },
      ])
    })
    expect(sshd.logins()).toBe(1)
  })

  test('one of the two loopbacks is enough to say so', async () => {
    if (!(await hasIpv6())) return
    const [sshd, echo, taken] = await Promise.all([startSshd(), startEcho(), freePort()])
    const squatter = await startServer((socket) => socket.destroy(), { host: '::1', port: taken })
    const cli = project({
      'tunnels.yaml': `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n  db: -L ${taken}:127.0.0.1:${echo.port} acme\n`,
    })
    const up = await cli.run(['up', '-d'])
    expect(up.code).toBe(1)
    expect(up.stderr).toContain(`[::1]:${taken}`)
    expect((await cli.status()).forwards).toMatchObject([
      { state: 'retrying', problem: { code: 'PORT_IN_USE' } },
    ])
    await squatter.stop()
    await eventually(async () =>
      expect((await exchange({ host: '::1', port: taken }, 'both')).toString()).toBe('both'),
    )
  })
})

test('a local file where a socket should be is never touched', async () => {
  const [sshd, echo] = await Promise.all([startSshd(), startEcho()])
  const cli = project({
    'precious.sock': 'do not touch',
    'tunnels.yaml': `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n  it: -L ./precious.sock:127.0.0.1:${echo.port} acme\n`,
  })
  const up = await cli.run(['up', '-d'])
  expect(up.code).toBe(1)
  expect(up.stderr).toContain('precious.sock')
  expect(readFileSync(join(cli.folder, 'precious.sock'), 'utf8')).toBe('do not touch')
  await cli.down()
  expect(readFileSync(join(cli.folder, 'precious.sock'), 'utf8')).toBe('do not touch')
})

test('a secret is in no output, no log, no status, and not in what the process shows', async () => {
  const canary = 'canary-7f3d9a'
  const env = { PROXY_PASSWORD: canary, PORT_BY_MISTAKE: `${canary}:1` }
  const [sshd, web, [port, other]] = await Promise.all([
    startSshd(),
    startHttp(() => 'guarded'),
    freePorts(2),
  ])
  const file = (more = '') => `
hosts: { acme: ${hostYaml(sshd)} }
forwards:
  proxy: { via: acme, dynamic: ${port}, auth: { username: ann, password_env: PROXY_PASSWORD } }
${more}`
  const cli = project({ 'tunnels.yaml': file() })
  const said: string[] = []
  const run = async (...args: string[]): Promise<CliResult> => {
    const result = await cli.run(args, { env })
    said.push(`${args.join(' ')}\n${result.stdout}${result.stderr}`)
    return result
  }
  const watching = cli.start(['up', '--json', '-v', '--trust'], { env })
  onTestFinished(() => void watching.signal('SIGKILL'))
  await eventually(async () => expect((await run('status', '--check')).code).toBe(0))
  watching.signal('SIGINT')
  expect((await watching.ended).code).toBe(130)
  said.push(watching.stdout(), watching.stderr())

  expect((await run('up', '-d', '-v')).code).toBe(0)
  const proxied = (password: string) =>
    curl('--proxy', `socks5h://ann:${password}@127.0.0.1:${port}`, `http://127.0.0.1:${web.port}/`)
  expect(await proxied(canary)).toEqual({ code: 0, stdout: 'guarded' })
  expect((await proxied(`${canary}x`)).code).not.toBe(0)
  await eventually(async () => expect((await cli.status()).forwards[0]?.connections.refused).toBe(1))

  // As a value that is no good, too: what a variable holds may be anything.
  cli.write('tunnels.yaml', file(`  wrong: { via: acme, local: "\${PORT_BY_MISTAKE}", to: 80 }\n`))
  expect((await run('up', '-d', '-v')).code).toBe(2)
  cli.write('tunnels.yaml', file(`  wrong: -L \${PORT_BY_MISTAKE}:a:80 acme\n`))
  expect((await run('validate', '--json')).code).toBe(2)
  cli.write('tunnels.yaml', file(`  more: { via: acme, dynamic: ${other} }\n`))
  for (const args of [
    ['up', '-d'],
    ['status'],
    ['status', '--json'],
    ['plan', '--json'],
    ['config'],
    ['config', '--json'],
    ['validate', '-v'],
    ['reload'],
    ['restart', '-v'],
  ])
    expect((await run(...args)).code).toBe(0)

  const { pid } = (await cli.status()).supervisor
  const written = [
    ...contentsUnder(cli.env.TUNNELS_STATE_DIR!),
    ...contentsUnder(cli.env.TUNNELS_RUNTIME_DIR!),
  ]
  expect(written.length).toBeGreaterThan(0)
  const shown =
    process.platform === 'linux'
      ? ['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8'))
      : []
  for (const text of [...said, ...written, ...shown, sshd.log()]) expect(text).not.toContain(canary)
  expect(said.join('')).toContain('PROXY_PASSWORD')
})

test('the log and the runtime folder are for their owner alone', async () => {
  const sshd = await startSshd()
  const cli = project({
    'tunnels.yaml': `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n  it: -D ${await freePort()} acme\n`,
  })
  await cli.up()
  for (const folder of [cli.env.TUNNELS_STATE_DIR!, cli.env.TUNNELS_RUNTIME_DIR!]) {
    for (const path of pathsUnder(folder)) expect([path, statSync(path).mode & 0o077]).toEqual([path, 0])
  }
})

test('what HTTP the control socket does not know it refuses, and goes on', async () => {
  const sshd = await startSshd()
  const web = await startHttp(() => 'through')
  const port = await freePort()
  const cli = project({
    'tunnels.yaml': `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n  it: -L ${port}:127.0.0.1:${web.port} acme\n`,
  })
  await cli.up()
  const socket = pathsUnder(cli.env.TUNNELS_RUNTIME_DIR!).find((path) => statSync(path).isSocket())!
  const ask = (...args: string[]) =>
    curl('--unix-socket', socket, '-o', '/dev/null', '-w', '%{http_code}', ...args)
  expect((await ask('http://tunnels/v1/status')).stdout).toBe('200')
  expect((await ask('http://tunnels/v1/nothing')).stdout).toBe('404')
  expect((await ask('-X', 'POST', '-d', '{ "selection":', 'http://tunnels/v1/reconcile')).stdout).toMatch(
    /^4/,
  )
  expect((await ask('-X', 'POST', '-d', '{ "selection": 7 }', 'http://tunnels/v1/reconcile')).stdout).toMatch(
    /^4/,
  )
  expect((await ask('-X', 'POST', '-d', '{ "names": 7 }', 'http://tunnels/v1/down')).stdout).toMatch(/^4/)
  await exchange(socket, Buffer.from([0, 1, 2, 255, 13, 10, 13, 10]))
  expect(await fetchText(port)).toBe('through')
  expect((await cli.status()).forwards).toMatchObject([{ state: 'open' }])
})

function pathsUnder(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries.map((entry) => join(entry.parentPath, entry.name))
}

function contentsUnder(folder: string): string[] {
  return pathsUnder(folder).flatMap((path) => (statSync(path).isFile() ? readFileSync(path, 'utf8') : []))
}

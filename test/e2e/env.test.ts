// `env` and `port`: what programs are told of where forwards listen, from the file and from what runs.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import type { PlanJson } from '../../src/plan/plan.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { startEcho } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { expectSchema } from './json-schemas.ts'
import { fileVia, projectVia } from './project-via.ts'

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd()
})

test('nothing has to run for what is fixed; what is not has no port until it does', async () => {
  const cli = projectVia(sshd, {
    'my-db': {
      local: 9000,
      to: 5432,
      env: { DATABASE_URL: "postgres://app:it's@{host}:{port}/a b", JSON: '{"port":{port}}' },
    },
    proxy: { dynamic: '[::1]:1080', env: { ALL_PROXY: 'socks5h://{host}:{port}' }, env_prefix: 'P' },
    docker: { local: './d.sock', to: '/d.sock' },
    hook: { remote: 7000, to: 80 },
    free: { local: 'auto', to: 80 },
    debug: { local: 9001, to: 80, profiles: ['debug'] },
  })
  const shell = await cli.run(['env', 'my-db', 'proxy', 'docker', 'hook'])
  expect(shell).toMatchObject({ code: 0, stderr: '' })
  const script = `${shell.stdout}\nprintf '%s\\n' "$DATABASE_URL" "$JSON" "$MY_DB_HOST:$MY_DB_PORT" "$P_HOST $P_PORT $ALL_PROXY" "$DOCKER_SOCKET"`
  expect(execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\n')).toEqual([
    "postgres://app:it's@127.0.0.1:9000/a b",
    '{"port":9000}',
    '127.0.0.1:9000',
    '::1 1080 socks5h://[::1]:1080',
    `${cli.folder}/d.sock`,
    '',
  ])
  const json = JSON.parse((await cli.run(['env', 'my-db', '--json'])).stdout)
  expect(json).toMatchObject({ MY_DB_PORT: '9000', DATABASE_URL: "postgres://app:it's@127.0.0.1:9000/a b" })
  expectSchema('env', json)
  expect((await cli.run(['env', 'my-db', '--format', 'dotenv'])).stdout).toContain('MY_DB_PORT=9000\n')
  expect((await cli.run(['--profile', 'debug', 'port', 'debug'])).stdout).toBe('127.0.0.1:9001\n')
  expect((await cli.run(['port', 'docker'])).stdout).toBe(`${cli.folder}/d.sock\n`)
  const port = JSON.parse((await cli.run(['port', 'proxy', '--json'])).stdout)
  expect(port).toEqual({ name: 'proxy', address: '[::1]:1080', host: '::1', port: 1080, path: null })
  expectSchema('port', port)
  for (const [args, code] of [
    [['port', 'free'], 3],
    [['env'], 3],
    [['port', 'my-bd'], 2],
    [['port', 'acme'], 2],
    [['port'], 2],
    [['env', '--format', 'csh'], 2],
  ] as const) {
    const { stdout, ...refused } = await cli.run([...args])
    expect({ args, stdout, code: refused.code }).toEqual({ args, stdout: '', code })
  }
  expect((await cli.run(['-p', 'nowhere', 'port', 'my-db'], { cwd: '/' })).code).toBe(3)
})

test('what runs is asked, from anywhere: ports that were chosen here and there, and one that is taken', async () => {
  const [taken, echo] = [await freePort(), await startEcho()]
  const squatter = createServer().listen(taken, '127.0.0.1')
  onTestFinished(() => void squatter.close())
  const cli = projectVia(
    sshd,
    {
      free: { local: 'auto', to: echo.port },
      there: { remote: 'auto', to: echo.port, env: { CALLBACK: 'http://{host}:{port}/' } },
      taken: { local: taken, to: echo.port },
      idle: { local: (await freePorts(1))[0], to: echo.port, profiles: ['later'] },
    },
    { env: { TUNNELS_PROJECT_NAME: '' } },
  )
  await cli.run(['-p', 'shop', 'up', '-d', '--trust'])
  const shop = (...args: string[]) => cli.run(['-p', 'shop', ...args], { cwd: '/' })
  try {
    const free = (await shop('port', 'free')).stdout
    expect(free).toMatch(/^127\.0\.0\.1:\d+\n$/)
    const env = JSON.parse((await shop('env', 'free', 'there', 'idle', '--json')).stdout)
    expect(`${env.FREE_HOST}:${env.FREE_PORT}\n`).toBe(free)
    expect(env.CALLBACK).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*\/$/)
    expect(env).not.toHaveProperty('THERE_PORT')
    expect(env).toHaveProperty('IDLE_PORT')
    const refused = await shop('port', 'taken')
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('PORT_IN_USE')
    expect((await shop('env')).code).toBe(1)
  } finally {
    await shop('down')
  }
})

test('an edit of variables interrupts nothing, and is what programs are told from then on', async () => {
  const local = await freePort()
  const file = (name: string) => ({ web: { local, to: 80, env: { [name]: '{port}' } } })
  const cli = projectVia(sshd, file('BEFORE'))
  await cli.up()
  const before = await cli.status()
  cli.write('tunnels.yaml', fileVia(sshd, file('AFTER')))
  const { changes } = JSON.parse((await cli.run(['plan', '--json'])).stdout) as PlanJson
  for (const change of changes)
    expect(change).toMatchObject({ action: 'update', fields: ['env'], interrupts: 0 })
  expect((await cli.run(['reload'])).code).toBe(0)
  expect(JSON.parse((await cli.run(['env', '--json'])).stdout)).toMatchObject({ AFTER: String(local) })
  expect((await cli.status()).forwards[0]!.since).toBe(before.forwards[0]!.since)
})

test('a port of `auto` stays the same, and is changed, and that said, where somebody else has it by now', async () => {
  const cli = projectVia(sshd, { web: { local: 'auto', to: 80 } })
  const addressOf = async () => (await cli.run(['port', 'web'])).stdout
  await cli.up()
  const first = await addressOf()
  await cli.down()
  await cli.up()
  expect(await addressOf()).toBe(first)
  await cli.down()
  const port = Number(first.trim().split(':')[1])
  const squatter = createServer().listen(port, '127.0.0.1')
  onTestFinished(() => void squatter.close())
  await once(squatter, 'listening')
  const said = `somebody else has ${port}`
  expect((await cli.up()).stderr).toContain(said)
  const second = await addressOf()
  expect(second).not.toBe(first)
  expect((await cli.status()).forwards[0]).toMatchObject({ state: 'open', problem: null })
  await cli.down()
  expect((await cli.up()).stderr).not.toContain(said)
  expect(await addressOf()).toBe(second)
})

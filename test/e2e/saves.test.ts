// However a program saves the file, its last content is applied, and a connection through another forward never
// notices. The ways are those of test/helpers/saves.ts; test/e2e/edits.test.ts is about what edits do.

import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { openControlClient } from '../../src/control/client.ts'
import { identifyProject, placeProject } from '../../src/control/paths.ts'
import { hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort } from '../helpers/ports.ts'
import { isFull } from '../helpers/sample.ts'
import { saves } from '../helpers/saves.ts'
import { startEcho } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { holdStream } from './held-stream.ts'

const times = isFull ? 20 : 2

let sshd: Sshd
let echo: Awaited<ReturnType<typeof startEcho>>

beforeAll(async () => {
  ;[sshd, echo] = await Promise.all([startSshd(), startEcho()])
})

test.each(Object.entries(saves))(`${times} times %s`, async (way, { prepare, save }) => {
  const [held, edited] = [await freePort(), await freePort()]
  const yaml = (description: string) =>
    `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n  held: -L ${held}:127.0.0.1:${echo.port} acme\n  edited: { via: acme, dynamic: ${edited}, description: "${description}" }\n`
  const cli = project({ 'tunnels.yaml': yaml('0') })
  const file = join(cli.folder, 'tunnels.yaml')
  prepare?.(file)
  await cli.up()
  const stream = await holdStream(held)
  const logins = sshd.logins()
  const identity = await identifyProject(file, { cwd: cli.folder, projectName: null })
  const client = (await openControlClient({
    place: placeProject(identity, cli.env),
    env: cli.env,
    version: '',
  }))!
  const description = async () =>
    (await client.status()).forwards.find(({ name }) => name === 'edited')?.description

  const tookMs: number[] = []
  for (let number = 1; number <= times; number++) {
    const text = `${number}${'!'.repeat(number % 3)}`
    await save(file, yaml(text))
    const saved = performance.now()
    await eventually(async () => expect(await description()).toBe(text), { everyMs: 5 })
    tookMs.push(performance.now() - saved)
  }
  const sorted = tookMs.toSorted((a, b) => a - b).map(Math.round)
  if (times > 2) console.info(`${way}: median ${sorted[times / 2]} ms, longest ${sorted.at(-1)} ms`)
  expect(await stream.finish()).toBeGreaterThan(0)
  expect(sshd.logins()).toBe(logins)
  const status = await client.status()
  expect(status.config.state).toBe('current')
  expect(status.forwards.map(({ connections }) => connections.failed)).toEqual([0, 0])
})

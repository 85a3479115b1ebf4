// Files that are no good, saved while people work through the tunnels: nobody notices, status says what is wrong
// and where, and the mended file is taken.

import { chmodSync, mkdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ControlClient } from '../../src/control/client.ts'
import type { Problem, ProblemCode } from '../../src/model/problem.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePorts } from '../helpers/ports.ts'
import type { TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import {
  openStream,
  type Probes,
  probe,
  report,
  type Stream,
  startNamedEcho,
  startProbes,
} from './streams.ts'
import { controlOf, statusWhen, supervisorsOf, timeUntil } from './watched-project.ts'

let sshd: Sshd
let echoes: [TestServer, TestServer]
let ports: [number, number, number]
let cli: CliProject
let control: ControlClient
let probes: Probes
let stream: Stream

const seen: number[] = []
const mended: number[] = []
let turn = 0

const path = () => join(cli.folder, 'tunnels.yaml')

/** Ten lines: `edited` is the last, and goes to the one or to the other. */
function file(to: number, { more = '', edited = '' } = {}): string {
  const [first, second, third] = ports
  const host = hostYaml(sshd)
  return [
    'hosts:',
    `  acme: ${host}`,
    'forwards:',
    `  first: -L ${first}:127.0.0.1:${echoes[0].port} acme`,
    '  second:',
    '    via: acme',
    `    local: ${second}`,
    `    to: 127.0.0.1:${echoes[0].port}`,
    `  edited: ${edited || `-L ${third}:127.0.0.1:${echoes[to]!.port} acme`}`,
    more,
  ].join('\n')
}

/** Without the right of root to read everything, so that a file can be unreadable for it, too. */
const asEverybody =
  process.getuid?.() === 0
    ? [
        'setpriv',
        '--bounding-set=-dac_override,-dac_read_search',
        '--inh-caps=-dac_override,-dac_read_search',
      ]
    : []

beforeAll(async () => {
  sshd = await startSshd()
  echoes = [await startNamedEcho('one'), await startNamedEcho('two')]
  ports = (await freePorts(3)) as [number, number, number]
  cli = project({})
  cli.write('tunnels.yaml', file(0))
  await cli.up([], { prefix: asEverybody })
  control = await controlOf(cli)
  probes = startProbes(ports)
  stream = await openStream(ports[0])
})

afterAll(async () => {
  await stream.end()
  await probes.stop()
  expect(sshd.logins()).toBe(1)
  expect(supervisorsOf(cli)).toHaveLength(1)
  report('A bad file, from write to its problem in status', seen)
  report('A mended file, from write to applied', mended)
})

const write = (text: string) => writeFileSync(path(), text)

const bombs = Array.from({ length: 9 }, (_, level) => {
  const below = level === 0 ? 'x' : `*b${level - 1}`
  return `x-b${level}: &b${level} [${Array(10).fill(below).join(', ')}]`
}).join('\n')

interface Bad {
  what: string
  spoil: () => void
  code: ProblemCode
  /** Line and column; absent where the file as a whole is meant. */
  at?: [number, number]
  says?: RegExp
}

const bad: Bad[] = [
  {
    what: 'of broken syntax',
    spoil: () => write(file(1, { more: '  - [' })),
    code: 'CONFIG_SYNTAX',
    at: [10, 3],
  },
  {
    what: 'against the schema',
    spoil: () => write(file(1, { edited: '{ via: acme, local: 99999, to: 80 }' })),
    code: 'CONFIG_SCHEMA',
    at: [9, 31],
  },
  {
    what: 'half written',
    spoil: () => write(file(1).slice(0, file(1).indexOf('"hostname"') + 5)),
    code: 'CONFIG_SYNTAX',
    at: [2, 10],
  },
  { what: 'empty', spoil: () => write(''), code: 'CONFIG_SCHEMA', at: [1, 1] },
  { what: 'deleted', spoil: () => unlinkSync(path()), code: 'CONFIG_NOT_FOUND' },
  {
    what: 'that is a folder',
    spoil: () => {
      unlinkSync(path())
      mkdirSync(path())
    },
    code: 'CONFIG_UNREADABLE',
    says: /is a folder/,
  },
  {
    what: 'of a megabyte',
    spoil: () => write(`${file(1)}${'# and so on\n'.repeat(90_000)}`),
    code: 'CONFIG_UNREADABLE',
    says: /larger than 256 KiB/,
  },
  {
    what: 'that blows up by its aliases',
    spoil: () => write(`${bombs}\n${file(1)}`),
    code: 'CONFIG_SYNTAX',
    at: [1, 1],
  },
  {
    what: 'whose jumps go in a circle',
    spoil: () =>
      write(
        file(1).replace(
          'forwards:',
          '  a: { proxy_jump: b }\n  b: { proxy_jump: a }\nforwards:\n  round: -L 1234:localhost:80 a',
        ),
      ),
    code: 'CONFIG_REFERENCE',
    at: [3, 20],
  },
  {
    what: 'with a key twice',
    spoil: () => write(file(1, { more: `  first: -L 1234:localhost:80 acme` })),
    code: 'CONFIG_SYNTAX',
    at: [10, 3],
  },
  {
    what: 'with a host that it does not know',
    spoil: () => write(file(1, { edited: '{ via: acne, local: 1234, to: 80 }' })),
    code: 'CONFIG_REFERENCE',
    at: [9, 18],
    says: /acme/,
  },
  {
    what: 'that may not be read',
    spoil: () => {
      write(file(1))
      chmodSync(path(), 0)
    },
    code: 'CONFIG_UNREADABLE',
    says: /may not be read/,
  },
  {
    what: 'that is a link to itself',
    spoil: () => {
      unlinkSync(path())
      symlinkSync('tunnels.yaml', path())
    },
    code: 'CONFIG_UNREADABLE',
  },
  {
    what: 'that is not UTF-8',
    spoil: () => writeFileSync(path(), Buffer.concat([Buffer.from(file(1)), Buffer.from([0x23, 0xff])])),
    code: 'CONFIG_UNREADABLE',
    at: [10, 2],
  },
]

test.each(bad)('a file $what: status says so, nobody notices, and the mended one is taken', async (bad) => {
  try {
    const start = performance.now()
    bad.spoil()
    const isMeant = ({ code, at }: Problem) =>
      code === bad.code && at?.line === bad.at?.[0] && at?.column === bad.at?.[1]
    const { config } = await statusWhen(
      control,
      ({ config }) => config.state === 'invalid' && config.problems.some(isMeant),
    )
    seen.push(performance.now() - start)
    const problem = config.problems.find(isMeant)!
    if (bad.at) expect(problem.at?.file).toBe(path())
    if (bad.says) expect(`${problem.summary} ${problem.hint}`).toMatch(bad.says)
    const shown = await cli.run(['status'])
    expect(shown.stdout).toContain(bad.at ? `tunnels.yaml:${bad.at.join(':')}` : problem.summary)
    await Promise.all([probes.allAnswer(), stream.flows()])
    expect(await probe(ports[2])).toBe(turn === 0 ? 'one' : 'two')
  } finally {
    await mend()
  }
})

test('a file with a byte order mark is as good as one without', async () => {
  const start = performance.now()
  turn = 1 - turn
  write(`\ufeff${file(turn)}`)
  mended.push(await timeUntil(start, async () => (await probe(ports[2])) === (turn === 0 ? 'one' : 'two')))
  expect((await control.status()).config).toMatchObject({ state: 'current', problems: [] })
  await Promise.all([probes.allAnswer(), stream.flows()])
})

test('bad files one after the other, without a pause between them, change nothing either', async () => {
  const { config } = await control.status()
  for (const { spoil } of [...bad, ...bad]) {
    rmSync(path(), { recursive: true, force: true })
    write(file(1 - turn, { edited: 'nonsense' }))
    spoil()
    await probes.allAnswer()
  }
  expect((await statusWhen(control, (now) => now.config.state === 'invalid')).config.generation).toBe(
    config.generation,
  )
  await mend()
})

/** With an edit, so that it shows when it is taken. */
async function mend(): Promise<void> {
  rmSync(path(), { recursive: true, force: true })
  turn = 1 - turn
  const start = performance.now()
  write(file(turn))
  mended.push(await timeUntil(start, async () => (await probe(ports[2])) === (turn === 0 ? 'one' : 'two')))
  await eventually(async () =>
    expect((await control.status()).config).toMatchObject({ state: 'current', problems: [] }),
  )
  await Promise.all([probes.allAnswer(), stream.flows()])
}

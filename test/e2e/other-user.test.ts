// Another account of this machine: it reaches neither the control socket nor the log, and gains nothing by being
// first at the place where they belong. Needs root, to become somebody else.

import { execFile } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { atEnd } from '../helpers/cleanup.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { canListen, freePort } from '../helpers/ports.ts'
import type { TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { probe, startNamedEcho } from './streams.ts'
import { fileOf } from './watched-project.ts'

const uid = process.getuid?.() ?? -1
const NOBODY = 65_534

let sshd: Sshd
let echo: TestServer
let port: number
let cli: CliProject
/** What /tmp is to everybody: theirs to write in, but not to remove what others made. */
let temp: string
let home: string
/** Where the control socket goes by default. */
let place: string

beforeEach(async () => {
  sshd = await startSshd()
  echo = await startNamedEcho('one')
  port = await freePort()
  const open = mkdtempSync(join(realpathSync(tmpdir()), 'tunnels-open-'))
  atEnd(() => rmSync(open, { recursive: true, force: true }))
  temp = join(open, 'tmp')
  home = join(open, 'home')
  place = join(temp, `tunnels-${uid}`)
  for (const path of [open, temp, home]) mkdirSync(path, { recursive: true })
  for (const path of [open, home]) chmodSync(path, 0o755)
  chmodSync(temp, 0o1777)
  const web = { via: 'acme', local: port, to: `127.0.0.1:${echo.port}` }
  const unix = { via: 'acme', local: join(home, 'x.sock'), to: `127.0.0.1:${echo.port}` }
  const env = { HOME: home, TMPDIR: temp, TUNNELS_RUNTIME_DIR: '', TUNNELS_STATE_DIR: '' }
  cli = project({ 'tunnels.yaml': fileOf({ acme: hostYaml(sshd) }, { web, unix }) }, env)
})

/** Runs as an account that owns nothing here. */
function asNobody(command: string, ...args: string[]): Promise<{ code: number; said: string }> {
  const words = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', command, ...args]
  return new Promise((resolve) => {
    execFile('setpriv', words, { cwd: '/' }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, said: stdout + stderr }),
    )
  })
}

const withoutMask = { prefix: ['/bin/sh', '-c', 'umask 0; exec "$0" "$@"'] }

function everythingIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
}

describe.skipIf(uid !== 0)('another user (left out where this is not root)', () => {
  test.each([
    ['the usual umask', {}],
    ['umask 0', withoutMask],
  ])('reaches neither socket nor log, with %s', async (_mask, options) => {
    await cli.up([], options)
    const socket = everythingIn(place).find((path) => path.endsWith('.sock'))!
    const log = everythingIn(home).find((path) => path.endsWith('.log'))!
    const ask = (...run: string[]) => [
      '-q',
      '-sS',
      '--unix-socket',
      socket,
      ...run,
      'http://tunnels/v1/status',
    ]

    // What the owner may, so that the refusals below are about the user and nothing else.
    expect((await cli.run(['status'])).code).toBe(0)
    expect(await probe(join(home, 'x.sock'))).toBe('one')
    expect((await asNobody('ls', temp)).code).toBe(0)

    const asked = await asNobody('curl', ...ask())
    expect(asked).toMatchObject({ code: 7 })
    expect(asked.said).toMatch(/Permission denied|Could not connect|Couldn't connect/)
    expect((await asNobody('ls', place)).said).toContain('Permission denied')
    expect((await asNobody('cat', log)).said).toContain('Permission denied')
    expect(
      (await asNobody('curl', '-q', '-sS', '--unix-socket', join(home, 'x.sock'), 'http://x/')).code,
    ).toBe(7)
    for (const path of [place, ...everythingIn(place), ...everythingIn(home)])
      expect(`${path} ${(statSync(path).mode & 0o077).toString(8)}`).toBe(`${path} 0`)
    expect((await cli.run(['status'])).code).toBe(0)
  })

  test.each<[string, () => void]>([
    [
      'a folder of its own',
      () => {
        mkdirSync(place, { mode: 0o777 })
        chownSync(place, NOBODY, NOBODY)
      },
    ],
    [
      'a folder of ours that anybody may write to',
      () => {
        mkdirSync(place)
        chmodSync(place, 0o777)
      },
    ],
    [
      'a link to a folder of ours',
      () => {
        const ours = join(home, 'ours')
        mkdirSync(ours, { mode: 0o700 })
        symlinkSync(ours, place)
      },
    ],
    ['a link to nowhere', () => symlinkSync(join(temp, 'to-be-made'), place)],
    [
      'a file',
      () => {
        writeFileSync(place, '')
        chownSync(place, NOBODY, NOBODY)
      },
    ],
  ])('that was first with %s: up refuses, and nothing is opened', async (_what, takeFirst) => {
    takeFirst()
    const before = lstatSync(place)
    const up = await cli.run(['up', '-d'])
    expect(up).toMatchObject({ code: 1 })
    expect(up.stderr).toContain(place)
    expect(up.stderr).toMatch(/another user|other users|not a folder/)
    expect(await canListen('127.0.0.1', port)).toBe(true)
    expect(sshd.connections()).toBe(0)
    const after = lstatSync(place)
    expect([after.ino, after.uid, after.mode]).toEqual([before.ino, before.uid, before.mode])
    expect(readdirSync(temp)).toEqual([`tunnels-${uid}`])
    expect((await cli.run(['status'])).code).not.toBe(0)
  })

  test('that was first inside the folder of the state: the log is not written through its link', async () => {
    await cli.up()
    await cli.down()
    const log = everythingIn(home).find((path) => path.endsWith('.log'))!
    expect((await asNobody('ln', '-sf', '/etc/passwd', log)).code).not.toBe(0)
    expect((await asNobody('rm', '-rf', join(home, '.local'))).code).not.toBe(0)
    await cli.up()
    expect(await probe(port)).toBe('one')
  })
})

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { findHolder, isAlive, type LockInfo, sweepAbandoned, takeLock } from '../../src/control/lock.ts'
import { identifyProject, lockDirOf, openRuntimeDir, placeProject } from '../../src/control/paths.ts'

let scratch: string
let contender: string

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'tunnels-lock-'))
  contender = join(scratch, 'contender.mjs')
  const source = `
    import { createServer } from 'node:net'
    import { takeLock } from ${JSON.stringify(join(import.meta.dirname, '../../src/control/lock.ts'))}
    const place = JSON.parse(process.argv[2])
    const server = createServer((socket) => socket.end())
    process.stdin.once('data', async () => {
      const info = { project: null, ...place, pid: process.pid, version: '0' }
      const lock = await takeLock(place, server, info).catch((error) => {
        console.log(JSON.stringify(error.problems ?? String(error)))
        process.exit()
      })
      process.once('SIGTERM', async () => { await lock.release(); process.exit() })
      console.log(lock ? 'held' : 'lost')
      if (!lock) process.exit()
    })
    console.log('ready')
  `
  await build({
    stdin: { contents: source, loader: 'ts', resolveDir: scratch },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: contender,
  })
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

async function newPlace() {
  const folder = mkdtempSync(join(scratch, 'p-'))
  const env = { TUNNELS_RUNTIME_DIR: join(folder, 'run'), TUNNELS_STATE_DIR: join(folder, 'state') }
  await openRuntimeDir(env)
  return placeProject(
    await identifyProject(join(folder, 'tunnels.yaml'), { cwd: folder, projectName: null }),
    env,
  )
}

function infoOf(place: { folder: string; file: string }): LockInfo {
  return { project: null, projectName: null, folder: place.folder, file: place.file, pid: 1, version: '0' }
}

/** A process of its own that takes the lock when told to; every one is ended with the test. */
async function startContender(place: object, under = '') {
  const script = `${under}\nexec "$0" "$@"`
  const child = spawn('/bin/sh', ['-c', script, process.execPath, contender, JSON.stringify(place)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  onTestFinished(() => end(child, 'SIGKILL'))
  const nextLine = async () => (await lines.next()).value as string
  expect(await nextLine()).toBe('ready')
  return { child, contend: () => void child.stdin.write('go\n'), nextLine }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

describe('one supervisor a project', () => {
  test('of many that start at once exactly one gets the lock, also over a dead one, round after round', async () => {
    const place = await newPlace()
    for (let round = 0; round < 3; round++) {
      const contenders = await Promise.all(Array.from({ length: 6 }, () => startContender(place)))
      for (const { contend } of contenders) contend()
      const outcomes = await Promise.all(contenders.map(({ nextLine }) => nextLine()))
      expect(outcomes.filter((outcome) => outcome === 'held')).toHaveLength(1)
      expect(outcomes.filter((outcome) => outcome === 'lost')).toHaveLength(5)
      // Killed, not ended: the next round finds what it left.
      const winner = contenders[outcomes.indexOf('held')]!
      await end(winner.child, 'SIGKILL')
      expect((await findHolder(lockDirOf(place)))?.info?.pid).toBe(winner.child.pid)
    }
    const last = await startContender(place)
    last.contend()
    expect(await last.nextLine()).toBe('held')
    await end(last.child, 'SIGTERM')
    expect(readdirSync(place.runtimeDir)).toEqual([])
  })

  test('a stopped supervisor still holds its lock', async () => {
    const place = await newPlace()
    const first = await startContender(place)
    first.contend()
    expect(await first.nextLine()).toBe('held')
    first.child.kill('SIGSTOP')
    expect(await takeLock(place, createServer(), infoOf(place))).toBeNull()
    expect(readdirSync(place.runtimeDir)).toEqual([place.id])
  })

  test('the pid of a dead supervisor says nothing, however alive that pid is', async () => {
    const place = await newPlace()
    const first = await startContender(place)
    first.contend()
    await first.nextLine()
    await end(first.child, 'SIGKILL')
    const holder = await findHolder(lockDirOf(place))
    writeFileSync(
      holder!.socket.replace('.sock', '.json'),
      JSON.stringify({ ...infoOf(place), pid: process.pid }),
    )
    const server = createServer()
    onTestFinished(() => void server.close())
    const lock = await takeLock(place, server, infoOf(place))
    expect(lock && (await isAlive(lock.socket))).toBe(true)
    await lock?.release()
  })

  test('a disk that takes nothing more is said in one sentence, and nothing is left on it', async () => {
    const place = await newPlace()
    const starter = await startContender(place, 'ulimit -f 0')
    starter.contend()
    expect(JSON.parse(await starter.nextLine())).toMatchObject([
      {
        code: 'STATE_UNWRITABLE',
        summary: expect.stringContaining(`${place.runtimeDir} cannot be written (EFBIG`),
        hint: expect.stringContaining('TUNNELS_RUNTIME_DIR'),
      },
    ])
    expect(readdirSync(place.runtimeDir)).toEqual([])
  })

  test('what a start left that was killed is swept, whatever project it was for; one that goes on is not', async () => {
    const place = await newPlace()
    const old = new Date(Date.now() - 3_600_000)
    const [dead, young] = ['0123456789ab.01234567', '0123456789ab.89abcdef'].map((name) =>
      join(place.runtimeDir, name),
    )
    for (const folder of [dead!, young!]) mkdirSync(folder)
    utimesSync(dead!, old, old)
    await sweepAbandoned(place.runtimeDir)
    expect(readdirSync(place.runtimeDir)).toEqual([basename(young!)])
  })

  test('is private whatever the umask is', async () => {
    const before = process.umask(0)
    onTestFinished(() => void process.umask(before))
    const place = await newPlace()
    const server = createServer()
    onTestFinished(() => void server.close())
    const lock = await takeLock(place, server, infoOf(place))
    expect(statSync(place.runtimeDir).mode & 0o777).toBe(0o700)
    expect(statSync(lockDirOf(place)).mode & 0o777).toBe(0o700)
    expect(statSync(lock!.socket).mode & 0o777).toBe(0o600)
    await lock?.release()
  })
})

describe('where a project is', () => {
  test('the same folder by a link, and a file behind a link, are the same project; -p makes another', async () => {
    const folder = mkdtempSync(join(scratch, 'id-'))
    symlinkSync(folder, `${folder}-link`)
    const identify = (file: string, projectName: string | null = null) =>
      identifyProject(file, { cwd: scratch, projectName }).then((found) => placeProject(found, {}).id)
    const id = await identify(join(folder, 'tunnels.yaml'))
    expect(await identify(join(`${folder}-link`, 'tunnels.yaml'))).toBe(id)
    writeFileSync(join(folder, 'real.yaml'), '')
    symlinkSync('real.yaml', join(folder, 'tunnels.yaml'))
    expect(await identify(join(folder, 'tunnels.yaml'))).toBe(id)
    expect(await identify(join(folder, 'real.yaml'))).not.toBe(id)
    expect(await identify(join(folder, 'tunnels.yaml'), 'staging')).not.toBe(id)
  })

  test('a runtime folder that others can write to, or that is too deep for a socket, is refused', async () => {
    const open = mkdtempSync(join(scratch, 'open-'))
    chmodSync(open, 0o777)
    await expect(openRuntimeDir({ TUNNELS_RUNTIME_DIR: open })).rejects.toThrow(/other users/)
    const file = join(scratch, 'a-file')
    writeFileSync(file, '')
    await expect(openRuntimeDir({ TUNNELS_RUNTIME_DIR: file })).rejects.toThrow(/not a folder/)
    const deep = join(scratch, 'x'.repeat(80))
    await expect(openRuntimeDir({ TUNNELS_RUNTIME_DIR: deep })).rejects.toThrow(/too long/)
  })

  test('a folder that another user made first under the temp folder is refused', async () => {
    const temp = mkdtempSync(join(scratch, 'tmp-'))
    const before = process.env.TMPDIR
    process.env.TMPDIR = temp
    onTestFinished(() => {
      if (before === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = before
    })
    const elsewhere = mkdtempSync(join(scratch, 'theirs-'))
    symlinkSync(elsewhere, join(temp, `tunnels-${process.getuid!()}`))
    await expect(openRuntimeDir({})).rejects.toThrow(/not a folder/)
    rmSync(join(temp, `tunnels-${process.getuid!()}`))
    expect(statSync(await openRuntimeDir({})).mode & 0o777).toBe(0o700)
    chmodSync(join(temp, `tunnels-${process.getuid!()}`), 0o755)
    await expect(openRuntimeDir({})).rejects.toThrow(/other users/)
  })
})

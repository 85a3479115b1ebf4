import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { linkSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { listenLocal } from '../../src/forward/local-listener.ts'
import { removeLeftovers } from '../../src/forward/unix-leftovers.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'

/** Leaves a socket on which nobody listens, as kill -9 does. */
async function leaveSocket(path: string): Promise<void> {
  const script = 'require("net").createServer().listen(process.argv[1], () => console.log("listens"))'
  const child = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
}

const options = { mode: 0o600, replace: true }

async function listen(path: string) {
  const listener = await listenLocal({ kind: 'unix', path }, options, () => {})
  onTestFinished(() => listener.close())
  return listener
}

test('who was killed while it replaced a dead socket is in nobody’s way for long, and leaves nothing', async () => {
  const folder = testFolder()
  const path = folder.join('x.sock')
  await leaveSocket(path)
  linkSync(path, folder.join(`.tunnels-dead-${lstatSync(path).ino}`))
  mkdirSync(folder.join('.tunnels-abc123'))
  await leaveSocket(folder.join('.tunnels-abc123', 's'))
  await listen(path)
  await eventually(async () => {
    await removeLeftovers(folder.path)
    expect(readdirSync(folder.path)).toEqual(['x.sock'])
  })
})

test('what somebody is at work with stays', async () => {
  const folder = testFolder()
  mkdirSync(folder.join('.tunnels-abc123'))
  await listen(folder.join('.tunnels-abc123', 's'))
  mkdirSync(folder.join('.tunnels-abc124'))
  // Until it is old enough to be taken for a leftover, were nobody to answer on it.
  await eventually(() => Date.now() - lstatSync(folder.join('.tunnels-abc123')).mtimeMs > 3_000)
  await removeLeftovers(folder.path)
  expect(readdirSync(folder.path).sort()).toEqual(['.tunnels-abc123', '.tunnels-abc124'])
})

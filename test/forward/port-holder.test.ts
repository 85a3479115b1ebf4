import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { findPortHolder } from '../../src/forward/port-holder.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { freePort } from '../helpers/ports.ts'

test.runIf(process.platform === 'linux')(
  'whoever holds a port now is named, however often and whoever held it before',
  async () => {
    const port = await freePort()
    const server = createServer().listen(port, '127.0.0.1')
    atEnd(() => void server.close())
    await once(server, 'listening')
    const ours = expect.objectContaining({ pid: process.pid })
    expect(await findPortHolder('127.0.0.1', port)).toEqual(ours)
    expect(await findPortHolder('::', port)).toEqual(ours)
    await new Promise((resolve) => server.close(resolve))
    expect(await findPortHolder('127.0.0.1', port)).toBe(null)
    const code = `require('net').createServer().listen(${port}, '127.0.0.1', () => console.log('listens'))`
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
    atEnd(() => void child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    const theirs = { pid: child.pid, name: 'node' }
    expect(await findPortHolder('127.0.0.1', port)).toEqual(theirs)
    expect(await findPortHolder('127.0.0.1', port)).toEqual(theirs)
  },
)

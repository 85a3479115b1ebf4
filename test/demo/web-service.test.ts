// The demo's web service and the small curl that asks it: an answer is whole, or it is an error.

import { expect, test } from 'vitest'
import { expectAnswer, openCounting } from '../../src/demo/answer.ts'
import { fetchText } from '../../src/demo/fetch-through.ts'
import { startWebService } from '../../src/demo/web-service.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { canListen } from '../helpers/ports.ts'
import { startHttp, startServer, startSource } from '../helpers/servers.ts'

const way = () => ({ signal: AbortSignal.timeout(10_000) })

test('it says its name, and knows no other page', async () => {
  const web = await startWebService('Hello')
  atEnd(web.stop)
  expect(await fetchText(`http://127.0.0.1:${web.port}/`, way())).toBe('Hello\n')
  await expect(fetchText(`http://127.0.0.1:${web.port}/other`, way())).rejects.toThrow('answered 404')
})

test('it counts for as long as somebody listens, and stop frees its port', async () => {
  const web = await startWebService('Hello')
  const counting = openCounting('web', `http://127.0.0.1:${web.port}/count`, way())
  expect(await counting.hearPast(2)).toBe(3)
  expect(web.counted()).toBeGreaterThanOrEqual(3)
  await counting.stop()
  await web.stop()
  expect(await canListen('127.0.0.1', web.port)).toBe(true)
})

test('a wrong answer is a problem that shows it', async () => {
  const wrong = await startHttp(() => 'Hello from somewhere else\n')
  const url = `http://127.0.0.1:${wrong.port}/`
  await expect(expectAnswer('web', url, 'Hello', way())).rejects.toMatchObject({
    problems: [
      {
        summary: `${url} through the forward web gave a wrong answer`,
        detail: 'It was: Hello from somewhere else',
      },
    ],
  })
})

test('a connection that is cut in the middle is no answer', async () => {
  const cut = await startServer((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nHel', () => socket.resetAndDestroy())
  })
  const asked = expectAnswer('web', `http://127.0.0.1:${cut.port}/`, 'Hel', way())
  await expect(asked).rejects.toThrow('gave no answer')
})

test('a count with a gap, or that breaks off, is noticed', async () => {
  const head = 'HTTP/1.1 200 OK\r\n\r\n'
  const gap = await startSource(`${head}1\n2\n4\n`)
  const counting = openCounting('web', `http://127.0.0.1:${gap.port}/count`, way())
  await expect(counting.hearPast(3)).rejects.toThrow('web lost something: 3 was due, 4 came')
  const short = await startSource(`${head}1\n2\n`)
  const ended = openCounting('web', `http://127.0.0.1:${short.port}/count`, way())
  await expect(ended.hearPast(3)).rejects.toThrow('ended after 2')
})

test('a SOCKS proxy that refuses, or hangs up, is no answer', async () => {
  const refusing = await startServer((socket) => {
    socket.once('data', () => {
      socket.write(Buffer.from([5, 0]))
      socket.once('data', () => socket.write(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])))
    })
  })
  const socks = { host: '127.0.0.1', port: refusing.port }
  await expect(fetchText('http://web.demo/', { ...way(), socks })).rejects.toThrow(
    'answered 5 for web.demo:80',
  )
  const hangingUp = await startServer((socket) => socket.end(Buffer.from([5])))
  const other = { host: '127.0.0.1', port: hangingUp.port }
  await expect(fetchText('http://web.demo/', { ...way(), socks: other })).rejects.toThrow('hung up')
})

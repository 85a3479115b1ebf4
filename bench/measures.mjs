// @ts-check
// What is measured, from the client's side; each checks that what it measured really happened.

import { connect } from 'node:net'

/**
 * MiB/s of a download of `bytes`.
 * @param {number} port
 * @param {number} bytes
 */
export async function receive(port, bytes) {
  const begin = performance.now()
  let got = 0
  const socket = connect(port, '127.0.0.1')
  socket.on('data', (chunk) => {
    got += chunk.length
  })
  await ended(socket)
  if (got !== bytes) throw new Error(`received ${got} of ${bytes} bytes`)
  return speed(bytes, begin)
}

/**
 * MiB/s of an upload of `bytes`, until the far end has said that it has them all.
 * @param {number} port
 * @param {number} bytes
 */
export async function send(port, bytes) {
  const block = Buffer.alloc(1 << 16, 'x')
  const begin = performance.now()
  let answer = ''
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('data', (chunk) => {
    answer += chunk
  })
  const done = ended(socket)
  for (let sent = 0; sent < bytes; sent += block.length) {
    if (!socket.write(block)) await new Promise((resolve) => socket.once('drain', resolve))
  }
  socket.end()
  await done
  if (Number(answer) !== bytes) throw new Error(`the far end had ${answer} of ${bytes} bytes`)
  return speed(bytes, begin)
}

/**
 * Median time in ms from connect() to the first byte back, one connection after the other.
 * @param {number} port
 * @param {number} times
 */
export async function answerTimeMs(port, times) {
  const seen = []
  for (let index = 0; index < times; index++) seen.push(await oneAnswer(port))
  return Number(seen.sort((a, b) => a - b)[Math.floor(times / 2)])
}

/**
 * @param {number} port
 * @returns {Promise<number>}
 */
function oneAnswer(port) {
  const begin = performance.now()
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('data', () => {
      resolve(performance.now() - begin)
      socket.end()
    })
    socket.once('error', reject)
    socket.once('end', () => reject(new Error('ended before an answer')))
    socket.write('x')
  })
}

/** @param {import('node:net').Socket} socket */
function ended(socket) {
  return new Promise((resolve, reject) => {
    socket.once('end', () => resolve(undefined))
    socket.once('error', reject)
  })
}

/**
 * @param {number} bytes
 * @param {number} begin
 */
function speed(bytes, begin) {
  return bytes / 1024 / 1024 / ((performance.now() - begin) / 1000)
}

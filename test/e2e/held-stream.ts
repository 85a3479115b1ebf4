// A connection that is in use all the time while something else happens: a numbered line goes out as soon as the
// one before has come back, so that a lost, doubled or cut byte shows.

import { connect } from 'node:net'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'

export interface HeldStream {
  /** Waits until some more lines have made the round; rejects when the stream has broken. */
  stillRuns(): Promise<void>
  /** Ends in order; resolves with the number of lines that made the round. Rejects when anything was lost. */
  finish(): Promise<number>
}

/** To an echo. Resolves when it runs. */
export async function holdStream(port: number): Promise<HeldStream> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('utf8')
  atEnd(() => void socket.destroy())
  let count = 0
  let pending = ''
  let broken: string | null = null
  let isEnding = false
  const send = () => (isEnding ? socket.end() : socket.write(`${count}\n`))
  socket.on('connect', send)
  socket.on('error', (error) => {
    broken = String(error)
  })
  socket.on('close', () => {
    if (!isEnding) broken ??= 'closed from the other side'
  })
  socket.on('data', (text: string) => {
    pending += text
    if (!pending.endsWith('\n')) return
    if (pending !== `${count}\n`) broken ??= `line ${count} came back as ${JSON.stringify(pending)}`
    pending = ''
    count++
    setImmediate(send)
  })
  const stillRuns = async () => {
    const enough = count + 10
    await eventually(() => broken !== null || count >= enough)
    if (broken !== null) throw new Error(`The stream that was open broke after ${count} lines: ${broken}`)
  }
  const finish = async () => {
    await stillRuns()
    isEnding = true
    await eventually(() => socket.closed)
    if (broken !== null || pending !== '') throw new Error(`The end got lost: ${broken ?? pending}`)
    return count
  }
  await stillRuns()
  return { stillRuns, finish }
}

// Events on their way to one client, a JSON value a line. A client that does not read is cut off
// before its backlog becomes the supervisor's memory.

import type { ServerResponse } from 'node:http'
import type { Control, Event, EventsRequest } from './protocol.ts'

const BACKLOG_BYTES = 1024 * 1024

/** Writes until the client leaves or `closing` fires, and with `prompts` counts it as a person until then; the last line of an orderly stream is an `end` event. */
export function streamEvents(
  control: Control,
  { connections = false, prompts = false }: EventsRequest,
  response: ServerResponse,
  closing: AbortSignal,
): void {
  let ended = false
  const send = (event: Event) => {
    if (ended || (event.event === 'connection' && !connections)) return
    ended = event.event === 'end'
    response.write(`${JSON.stringify(event)}\n`)
    if (ended) response.end()
    else if (response.writableLength > BACKLOG_BYTES) response.destroy()
  }
  const stop = control.watchEvents(send)
  const leave = prompts ? control.attend() : () => {}
  const onClosing = () => send({ time: new Date().toISOString(), event: 'end' })
  closing.addEventListener('abort', onClosing, { once: true })
  response.once('close', () => {
    stop()
    leave()
    closing.removeEventListener('abort', onClosing)
  })
  response.flushHeaders()
  if (closing.aborted) onClosing()
}

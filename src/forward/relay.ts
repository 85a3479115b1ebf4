// Joins two connections until both have said all they had to say: EOF passes on by itself while the other
// direction flows, a slow reader slows the writer, and what goes wrong on one side never looks like an end
// on the other. It owns both connections; how they were opened is not its business.

import type { Duplex } from 'node:stream'
import type { Connection } from './carrier.ts'
import type { StopSignal } from './stop.ts'

export interface RelayOptions {
  /** Aborts both sides. */
  signal: StopSignal
  /** Bytes that came from `a`. */
  onForth: (bytes: number) => void
  /** Bytes that came from `b`. */
  onBack: (bytes: number) => void
  filter?: Filter
}

/** Changes what passes from `a` to `b`, and sees what comes back; see http-host.ts. */
export interface Filter {
  forth(chunk: Buffer): Buffer
  /** What is still held when `a` has ended. */
  rest(): Buffer
  back(chunk: Buffer): void
}

/** Never rejects. When it resolves both streams are ended or aborted, and nothing of the relay listens to them any more. */
export function relay(a: Connection, b: Connection, options: RelayOptions): Promise<'ended' | 'aborted'> {
  const { signal, filter } = options
  return new Promise((resolve) => {
    const abort = () => {
      a.abort()
      b.abort()
      leave('aborted')
    }
    const closed = new Set<Duplex>()
    const endIfDone = () => {
      if (!isDone(a.stream, b.stream, closed)) return
      a.stream.destroy()
      b.stream.destroy()
      leave('ended')
    }
    const onForth = (chunk: Buffer) => {
      options.onForth(chunk.length)
      return filter ? filter.forth(chunk) : chunk
    }
    const onBack = (chunk: Buffer) => {
      options.onBack(chunk.length)
      filter?.back(chunk)
      return chunk
    }
    const leave = (how: 'ended' | 'aborted') => {
      signal.removeEventListener('abort', abort)
      stopForth()
      stopBack()
      resolve(how)
    }
    const shared = { closed, endIfDone, abort }
    const stopForth = pump(a, b, { ...shared, onChunk: onForth, rest: () => filter?.rest(), keeps: !!filter })
    const stopBack = pump(b, a, { ...shared, onChunk: onBack, rest: () => undefined, keeps: !!filter })
    signal.addEventListener('abort', abort)
    if (signal.aborted || a.stream.destroyed || b.stream.destroyed) abort()
  })
}

/** A side that is closed, after an end and without an error, takes nothing more: then the other side's end is enough. */
function isDone(a: Duplex, b: Duplex, closed: ReadonlySet<Duplex>): boolean {
  const isRead = (from: Duplex, to: Duplex) => from.readableEnded || closed.has(to)
  const isWritten = (to: Duplex) => to.writableFinished || closed.has(to)
  return isRead(a, b) && isRead(b, a) && isWritten(a) && isWritten(b)
}

interface Pump {
  /** An SSH channel's `closed` property says nothing, its `close` event does. */
  closed: Set<Duplex>
  onChunk: (chunk: Buffer) => Buffer
  rest: () => Buffer | undefined
  endIfDone: () => void
  abort: () => void
  /** Something may hold on to what passes. */
  keeps: boolean
}

/** One direction: `from` is read, and its events decide. Returns what takes all listeners away. */
function pump(source: Connection, sink: Connection, each: Pump): () => void {
  const { onChunk, rest, closed, endIfDone, abort } = each
  const from = source.stream
  const to = sink.stream
  const isShared = sink.copies === true && source.share !== undefined && !each.keeps
  const isLent = isShared || (source.lend !== undefined && !each.keeps)
  let isHeld = false
  let isBehind = false
  const release = () => {
    if (!isHeld) return
    isHeld = false
    to.uncork()
  }
  // One piece of what came through SSH holds several packets: they go on in one write.
  const hold = () => {
    isHeld = true
    to.cork()
    process.nextTick(release)
  }
  const settle = () => {
    release()
    return isBehind || to.writableLength === 0
  }
  const data = (chunk: Buffer) => {
    const passed = onChunk(chunk)
    if (passed.length === 0) return
    if (!isHeld) {
      isBehind = to.writableLength > 0
      if (!isShared) hold()
    }
    // What has to wait there must not be lent.
    if (!to.write(isLent && isBehind ? Buffer.from(passed) : passed)) from.pause()
  }
  const drain = () => from.resume()
  const passOnEnd = () => {
    const held = rest()
    if (held && held.length > 0) to.write(held)
    to.end()
    endIfDone()
  }
  const end = async () => {
    if (source.endedWell && !(await source.endedWell())) abort()
    else passOnEnd()
  }
  const close = () => {
    closed.add(from)
    if (from.errored || !from.readableEnded) abort()
    else endIfDone()
  }
  if (isShared) source.share?.()
  else if (isLent) source.lend?.(settle)
  from.on('data', data).on('end', end).on('error', abort).on('close', close)
  to.on('drain', drain).on('finish', endIfDone)
  if (from.readableEnded) void end()
  else from.resume()
  return () => {
    from.on('error', ignoreLate)
    from.off('data', data).off('end', end).off('error', abort).off('close', close)
    to.off('drain', drain).off('finish', endIfDone)
  }
}

/** What a stream says after it was aborted. */
function ignoreLate(): void {}

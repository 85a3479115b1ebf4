// Reads a log from its end: the newest lines first, whole files never. What it does not understand (the last words
// of a process that died, say) is a line all the same.

import type { FileHandle } from 'node:fs/promises'
import type { LogLine } from '../control/protocol.ts'
import { openWithoutWaiting } from '../files/bounded-read.ts'

export interface Wanted {
  /** At most; null: all. */
  lines: number | null
  /** ISO 8601, UTC; null: from the beginning. */
  since: string | null
  isMeant: (line: LogLine) => boolean
}

/** Each line of ours begins so. */
const LINE_START = '{"level":'
const CHUNK_BYTES = 64 * 1024

/** Oldest first. `files`: newest first; one that is not there is empty. Rejects with what open(2) or read(2) say. */
export async function readLastLines(files: readonly string[], wanted: Wanted): Promise<LogLine[]> {
  const { lines, since, isMeant } = wanted
  const found: LogLine[] = []
  let later = new Date().toISOString()
  for (const file of files) {
    for await (const text of linesFromEnd(file)) {
      if (lines !== null && found.length >= lines) return found.reverse()
      const line = parseLine(text, later)
      later = line.time
      if (since !== null && line.time < since) return found.reverse()
      if (isMeant(line)) found.push(line)
    }
  }
  return found.reverse()
}

/** `later`: the time of the line after it, for one that does not say its own. */
function parseLine(text: string, later: string): LogLine {
  try {
    const line = JSON.parse(text) as LogLine
    if (typeof line?.time === 'string' && typeof line.event === 'string') return line
  } catch {
    return told(text, later)
  }
  return output(text, later)
}

/** A process that was killed leaves half a line, and the next one may go on in it. */
function told(text: string, later: string): LogLine {
  const start = text.lastIndexOf(LINE_START)
  if (start > 0) return parseLine(text.slice(start), later)
  return output(start === 0 ? 'A line is missing here: it was cut when it was written' : text, later)
}

function output(text: string, time: string): LogLine {
  return { level: 'error', time, event: 'output', text }
}

async function* linesFromEnd(path: string): AsyncGenerator<string> {
  const file = await openIfThere(path)
  if (!file) return
  try {
    let rest = Buffer.alloc(0)
    for (let end = (await file.stat()).size; end > 0; ) {
      const start = Math.max(0, end - CHUNK_BYTES)
      const data = Buffer.concat([await readPart(file, start, end), rest])
      end = start
      // What stands before the first line feed may be the end of a longer line.
      const whole = start === 0 ? 0 : data.indexOf('\n') + 1
      if (start > 0 && whole === 0) rest = data
      else {
        rest = data.subarray(0, whole)
        yield* data
          .subarray(whole)
          .toString('utf8')
          .split('\n')
          .reverse()
          .filter((line) => line !== '')
      }
    }
  } finally {
    await file.close()
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  return openWithoutWaiting(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  })
}

async function readPart(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start)
  return buffer.subarray(0, bytesRead)
}

// One file's bytes become text, or a problem that says why not. Bounded: a wrong path may be a disk image.

import { isUtf8 } from 'node:buffer'
import { type FileRead, readBounded } from '../files/bounded-read.ts'
import type { Problem } from '../model/problem.ts'
import type { Result } from './tree.ts'

/** `path` is absolute, or `-` for standard input. A byte order mark is gone from `text`. */
export interface SourceFile {
  path: string
  text: string
}

export const MAX_FILE_BYTES = 256 * 1024

/** Reads at most 256 KiB and a byte. `input` is what `-` reads. Never rejects. */
export async function readSource(
  path: string,
  input: AsyncIterable<Uint8Array | string> = process.stdin,
): Promise<Result<SourceFile | null>> {
  const read = path === '-' ? await readInput(input) : await readFileBytes(path)
  if ('code' in read) return { value: null, problems: [read] }
  const problem = notText(path, read)
  if (problem) return { value: null, problems: [problem] }
  return { value: { path, text: new TextDecoder().decode(read) }, problems: [] }
}

async function readInput(input: AsyncIterable<Uint8Array | string>): Promise<Buffer | Problem> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of input) {
      chunks.push(Buffer.from(chunk as Uint8Array))
      bytes += chunks.at(-1)!.length
      if (bytes > MAX_FILE_BYTES) return tooBig('-')
    }
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    return unreadable('-', { kind: 'unreadable', why: `could not be read (${code})` })
  }
  return Buffer.concat(chunks)
}

async function readFileBytes(path: string): Promise<Buffer | Problem> {
  const read = await readBounded(path, MAX_FILE_BYTES)
  if (read.kind !== 'read') return unreadable(path, read)
  return read.isCut ? tooBig(path) : read.bytes
}

function unreadable(path: string, read: Exclude<FileRead, { kind: 'read' }>): Problem {
  if (read.kind === 'missing')
    return { code: 'CONFIG_NOT_FOUND', summary: `There is no file ${formatPath(path)}` }
  return { code: 'CONFIG_UNREADABLE', summary: `${formatPath(path)} ${read.why}` }
}

function tooBig(path: string): Problem {
  return { code: 'CONFIG_UNREADABLE', summary: `${formatPath(path)} is larger than 256 KiB and was not read` }
}

function notText(path: string, bytes: Buffer): Problem | null {
  if (bytes.length >= 2 && (bytes.readUInt16BE() === 0xfffe || bytes.readUInt16BE() === 0xfeff)) {
    return {
      code: 'CONFIG_UNREADABLE',
      summary: `${formatPath(path)} is UTF-16 text`,
      hint: 'Save it as UTF-8',
    }
  }
  const nul = bytes.indexOf(0)
  if (nul >= 0) return badByte(path, bytes, nul, `${formatPath(path)} holds a NUL byte, so it is not text`)
  if (isUtf8(bytes)) return null
  return badByte(path, bytes, firstBadByte(bytes), `${formatPath(path)} holds bytes that are not UTF-8`)
}

function badByte(path: string, bytes: Buffer, offset: number, summary: string): Problem {
  const before = bytes.subarray(0, offset)
  const lineStart = before.lastIndexOf(0x0a) + 1
  const line = before.reduce((lines, byte) => (byte === 0x0a ? lines + 1 : lines), 1)
  const column = [...before.subarray(lineStart).toString()].length + 1
  return {
    code: 'CONFIG_UNREADABLE',
    summary,
    hint: 'Save it as UTF-8 text',
    at: { file: path, line, column },
  }
}

function firstBadByte(bytes: Buffer): number {
  let at = 0
  for (;;) {
    const next = at + characterLength(bytes[at]!)
    if (!isUtf8(bytes.subarray(at, next))) return at
    at = next
  }
}

function characterLength(first: number): number {
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
}

function formatPath(path: string): string {
  return path === '-' ? 'Standard input' : path
}

// Which processes there are: read from /proc where there is one, else from ps(1).

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Children of `pid`, and theirs; with `depth` 1 the children alone. */
export function descendantsOf(pid: number, depth = Number.POSITIVE_INFINITY): number[] {
  const table = processTable()
  const walk = (parent: number, left: number): number[] => {
    if (left === 0) return []
    const children = table.filter((entry) => entry.parent === parent).map((entry) => entry.pid)
    return children.flatMap((child) => [child, ...walk(child, left - 1)])
  }
  return walk(pid, depth)
}

/** A zombie counts as gone. */
export function isAlive(pid: number): boolean {
  return processTable().some((entry) => entry.pid === pid)
}

/** Children of `pid` that have ended and that it has not waited for (proc(5)). */
export function zombiesOf(pid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((each) => {
      const stat = each > 0 ? readProc(each, 'stat') : ''
      return stat.slice(stat.lastIndexOf(')') + 2).startsWith(`Z ${pid} `)
    })
}

/** Processes whose command line or environment holds `text`, this one and its parents' left out. */
export function processesWith(text: string): { pid: number; command: string }[] {
  return processTable().flatMap(({ pid }) => {
    const command = readProc(pid, 'cmdline').replaceAll('\0', ' ').trim()
    const mentions = command.includes(text) || readProc(pid, 'environ').includes(text)
    return mentions && pid !== process.pid ? [{ pid, command }] : []
  })
}

interface Entry {
  pid: number
  parent: number
}

function processTable(): Entry[] {
  if (!existsSync('/proc/self/stat')) return psTable()
  return readdirSync('/proc').flatMap((name) => {
    const stat = /^\d+$/.test(name) ? readProc(Number(name), 'stat') : ''
    // The name in brackets may itself hold blanks and brackets.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return stat && state !== 'Z' ? [{ pid: Number(name), parent: Number(parent) }] : []
  })
}

function psTable(): Entry[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'utf8' }).trim().split('\n')
  return lines.flatMap((line) => {
    const [pid, parent, state] = line.trim().split(/\s+/)
    return state?.startsWith('Z') ? [] : [{ pid: Number(pid), parent: Number(parent) }]
  })
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}

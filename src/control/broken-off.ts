// What became of a supervisor whose stream of answers broke off in the middle.

import { setTimeout } from 'node:timers/promises'
import type { Problem } from '../model/problem.ts'
import { isAlive } from './lock.ts'

/** The system closes what a killed process had open one after the other: its streams may end before its socket. */
const LOOKS = 10
const LOOK_AGAIN_MS = 100

/** Its last word is an end, whatever ends it, if it can still say anything. */
export async function brokenOff({ socket, pid }: { socket: string; pid: number | null }): Promise<Problem> {
  const who = `The supervisor${pid ? ` (process ${pid})` : ''}`
  if (await staysAlive(socket))
    return {
      code: 'SUPERVISOR_UNREACHABLE',
      summary: `${who} tells no more what happens: it was not read fast enough`,
      hint: 'The tunnels stay up; ask again',
    }
  return {
    code: 'SUPERVISOR_UNREACHABLE',
    summary: `${who} has gone without a word: it was killed, or it crashed`,
    hint: '`tunnels up` starts it again; where it crashed, the end of its log says why',
  }
}

async function staysAlive(socket: string): Promise<boolean> {
  for (let look = 0; look < LOOKS; look++) {
    if (!(await isAlive(socket))) return false
    await setTimeout(LOOK_AGAIN_MS)
  }
  return true
}

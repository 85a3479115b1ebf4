// What we answer to a SOCKS client: RFC 1928 section 6, and the two answers that SOCKS4 knows.

import type { ProblemCode } from '../model/problem.ts'

/** RFC 1928: the reply field. */
export type ReplyCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** The bound address is left zero, as ssh does: what the far side bound is not known here. */
export function formatReply(version: 4 | 5, code: ReplyCode): Buffer {
  if (version === 4) return Buffer.from([0, code === 0 ? 90 : 91, 0, 0, 0, 0, 0, 0])
  return Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0])
}

/** Why a dial failed, in the words that SOCKS5 has for it. Trouble on the way to the host itself is a general failure. */
export function replyCodeOf(code: ProblemCode): ReplyCode {
  switch (code) {
    case 'FORWARD_PROHIBITED':
      return 2
    case 'TARGET_UNREACHABLE':
    case 'TARGET_UNRESOLVED':
      return 4
    case 'TARGET_REFUSED':
      return 5
    case 'TARGET_TIMEOUT':
      return 6
    default:
      return 1
  }
}

// Who may ask the dashboard's server anything: its own page, opened with the token, and nobody else. Not a page of
// somebody else's, under whatever name it leads a browser here, and no other user of this machine. Pure.

import type { IncomingMessage } from 'node:http'
import { TOKEN_HEADER } from './news.ts'
import { isToken } from './token.ts'

export interface Gate {
  port: number
  token: string
}

/** The page of the URL itself, which no script asks for. */
export const PAGE = 'GET /'

export interface Asked {
  method?: string | undefined
  url?: string | undefined
  headers: IncomingMessage['headers']
}

/** Method and path. */
export function questionOf({ method, url = '' }: Asked): string {
  return `${method} ${url.split('?')[0]}`
}

/** Null: it may; else why not, in a few words that tell nothing. */
export function whyRefused(asked: Asked, { port, token }: Gate): string | null {
  const { headers, url = '' } = asked
  const isPage = questionOf(asked) === PAGE
  // A name of an attacker's that leads to 127.0.0.1 (DNS rebinding) stands in Host as it is.
  if (headers.host !== `127.0.0.1:${port}`) return `only as http://127.0.0.1:${port}`
  if (!isOfOurPage(asked, port, isPage)) return 'only for its own page'
  const given = isPage ? new URLSearchParams(url.slice(2)).get('token') : headers[TOKEN_HEADER]
  return isToken(given, token) ? null : 'only with the token'
}

/**
 * Browsers leave neither header out (Fetch, section 3.1; Fetch Metadata, section 2), and only they have to be told apart
 * here: whatever else may ask, the token is for.
 */
function isOfOurPage({ method, headers }: Asked, port: number, isPage: boolean): boolean {
  const { origin, 'sec-fetch-site': site = 'none', 'sec-fetch-dest': destination } = headers
  if (origin !== undefined && origin !== `http://127.0.0.1:${port}`) return false
  if (method !== 'GET' && origin === undefined) return false
  // A link in somebody's web terminal: it has the token, or it is refused for that.
  if (isPage && destination === 'document') return true
  return site === 'same-origin' || site === 'none'
}

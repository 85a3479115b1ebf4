// The page's way to its server: the stream of news, opened again whenever it ends, and what a person asks for.

import { type Act, type ActRefused, type News, TOKEN_HEADER } from '../dashboard/news.ts'
import type { Problem } from '../model/problem.ts'
import { makePrintable } from '../view/printable.ts'

export interface Heard {
  news(news: News): void
  /** The server is not there, or has another token: it was ended. */
  lost(isOther: boolean): void
}

const AGAIN_MS = 2_000
/** Each second something is told. */
const SILENCE_MS = 10_000

/** Never resolves. */
export async function listen(token: string, heard: Heard): Promise<never> {
  for (;;) {
    const isOther = await readNews(token, heard).catch(() => false)
    heard.lost(isOther)
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
}

/** Resolves at the end with whether the token is another dashboard's. */
async function readNews(token: string, { news }: Heard): Promise<boolean> {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), SILENCE_MS)
  try {
    const response = await fetch('/news', { headers: { [TOKEN_HEADER]: token }, signal: silence.signal })
    if (!response.ok || !response.body) return response.status === 403
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let rest = ''
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return false
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), SILENCE_MS)
      const lines = (rest + value).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) news(parse(line) as News)
    }
  } finally {
    clearTimeout(timer)
  }
}

/** Null: it has begun. */
export async function ask(token: string, act: Act, name: string): Promise<Problem | null> {
  try {
    const response = await fetch(`/${act}`, {
      method: 'POST',
      headers: { [TOKEN_HEADER]: token, 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    })
    if (response.ok) return null
    const { problems } = parse(await response.text()) as ActRefused
    return problems[0] ?? null
  } catch {
    return { code: 'INTERNAL', summary: 'The dashboard does not answer' }
  }
}

/** Whatever a server or a file says can be seen whole, and turns or hides nothing beside it. */
function parse(json: string): unknown {
  return JSON.parse(json, (_, value: unknown) =>
    typeof value === 'string' ? value.split('\n').map(makePrintable).join('\n') : value,
  )
}

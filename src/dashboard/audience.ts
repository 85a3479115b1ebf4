// Everybody who looks, and what they are told: the project is followed for as long as there is a page, found again when
// it was restarted, and a page that comes later is told what the others know.

import { setTimeout as delay } from 'node:timers/promises'
import type { ControlClient } from '../control/client.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import { follow } from './follow.ts'
import type { LogEntry, News } from './news.ts'
import { Samples } from './samples.ts'

/** The running supervisor, null where there is none. Rejects with a ProblemError where it is not clear which is meant. */
export type Find = () => Promise<ControlClient | null>

export interface Audience {
  /** Is told all that is known, then all that happens. Returns its leaving. */
  join(tell: (news: News) => void): () => void
}

const FIND_MS = 1_000
const MOST_LINES = 1_000

const NOTHING: Problem = {
  code: 'NOT_RUNNING',
  summary: 'Nothing is running',
  hint: '`tunnels up` starts it, and this page follows',
}

/** `project`: what to call it while nothing runs. */
export function openAudience(find: Find, project: string): Audience {
  const samples = new Samples()
  const pages = new Set<(news: News) => void>()
  let known = new Map<News['tell'], News>()
  let lines: LogEntry[] = []
  let leaving: AbortController | null = null
  const tell = (news: News) => {
    if (news.tell === 'gone') known = new Map()
    if (news.tell === 'look') known.delete('gone')
    known.set(news.tell, news)
    for (const page of pages) page(news)
  }
  const followed = () => {
    let isAnew = true
    return {
      look: (status: Extract<News, { tell: 'look' }>['status']) =>
        tell({ tell: 'look', status, sample: samples.add(status, Date.now()) }),
      plan: (plan: Extract<News, { tell: 'plan' }>['plan']) => tell({ tell: 'plan', plan }),
      log: (more: LogEntry[]) => {
        lines = [...(isAnew ? [] : lines), ...more].slice(-MOST_LINES)
        tell({ tell: 'log', isAnew, lines: more })
        isAnew = false
      },
    }
  }
  const attend = async (signal: AbortSignal) => {
    let why = NOTHING
    while (!signal.aborted) {
      try {
        const client = await find()
        if (client) why = (await follow(client, followed(), signal)) ?? why
      } catch (error) {
        why = problemOf(error)
      }
      if (signal.aborted) return
      samples.pause()
      tell({ tell: 'gone', project, problem: why })
      await delay(FIND_MS, undefined, { signal }).catch(() => {})
    }
  }
  const begin = () => {
    leaving = new AbortController()
    void attend(leaving.signal)
  }
  const end = () => {
    leaving?.abort()
    leaving = null
    samples.pause()
    known = new Map()
    lines = []
  }
  return {
    join: (page) => {
      page({ tell: 'samples', samples: [...samples.all] })
      for (const news of known.values()) if (news.tell !== 'log') page(news)
      if (known.has('log')) page({ tell: 'log', isAnew: true, lines })
      pages.add(page)
      if (pages.size === 1) begin()
      return () => {
        if (pages.delete(page) && pages.size === 0) end()
      }
    },
  }
}

// What the page knows: the news put together. Pure.

import type { LogEntry, News, PlanNews, Sample } from '../dashboard/news.ts'
import type { Problem } from '../model/problem.ts'
import type { Status } from '../model/status.ts'

export interface Known {
  project: string
  /** Null: nothing runs, or it is not known yet. */
  status: Status | null
  /** Why nothing is shown. */
  gone: Problem | null
  plan: PlanNews | null
  log: readonly LogEntry[]
  /** The newest one last. */
  samples: readonly Sample[]
}

export const nothing: Known = { project: '', status: null, gone: null, plan: null, log: [], samples: [] }

/** As many as the server keeps. */
const MOST_SAMPLES = 300
const MOST_LINES = 1_000

export function hear(known: Known, news: News): Known {
  switch (news.tell) {
    case 'samples':
      return { ...known, samples: news.samples }
    case 'look': {
      const { status, sample } = news
      return {
        ...known,
        project: status.project,
        status,
        gone: null,
        samples: withSample(known.samples, sample),
      }
    }
    case 'gone':
      return { ...known, project: news.project, status: null, plan: null, gone: news.problem }
    case 'log':
      return { ...known, log: [...(news.isAnew ? [] : known.log), ...news.lines].slice(-MOST_LINES) }
    case 'plan':
      return { ...known, plan: news.plan }
  }
}

/** A page that has just come is told the last one twice. */
function withSample(samples: readonly Sample[], sample: Sample | null): readonly Sample[] {
  const last = samples.at(-1)
  if (!sample || (last && sample.at <= last.at)) return samples
  return [...samples, sample].slice(-MOST_SAMPLES)
}

export const ended: Problem = {
  code: 'NOT_RUNNING',
  summary: 'The dashboard has ended; the tunnels go on as they were',
  hint: '`tunnels dashboard` prints a new address',
}

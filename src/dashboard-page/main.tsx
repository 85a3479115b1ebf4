// The page of `tunnels dashboard`: one project, as `tunnels status --watch` shows it, to look at and to steer.

import { render } from 'preact'
import { useEffect, useReducer, useState } from 'preact/hooks'
import type { Act, PlanNews } from '../dashboard/news.ts'
import type { Problem } from '../model/problem.ts'
import type { Status } from '../model/status.ts'
import { formatRate } from '../view/quantity.ts'
import { Hosts, More, Plan, Troubles } from './asides.tsx'
import { Forwards } from './forwards.tsx'
import { ended, hear, type Known, nothing } from './known.ts'
import { Log } from './log.tsx'
import { Plot } from './plot.tsx'
import { ask, listen } from './server.ts'
import './style.css'
import { takeToken } from './token.ts'
import { isWarning, troublesOf } from './troubles.ts'
import { Words } from './words.tsx'

const token = takeToken()

function App() {
  const [known, tell] = useReducer(hear, nothing)
  const [isLost, setLost] = useState(false)
  const [chosen, choose] = useState<string | null>(null)
  const [word, say] = useState<Problem | string>('')
  useEffect(() => {
    void listen(token, {
      news: (news) => {
        setLost(false)
        tell(news)
      },
      lost: () => setLost(true),
    })
  }, [])
  const { status, gone, plan, samples, log } = known
  const troubles = status ? troublesOf(status, plan?.problems ?? []) : []
  const errors = troubles.filter((trouble) => !isWarning(trouble)).length
  useEffect(() => {
    const trouble =
      isLost || gone
        ? 'not running · '
        : errors > 0
          ? `${errors} ${errors === 1 ? 'problem' : 'problems'} · `
          : ''
    document.title = `${trouble}${known.project || 'tunnels'}`
  }, [known.project, errors, isLost, gone])
  const forward = status?.forwards.find(({ name }) => name === chosen)
  const act = async (what: Act, name: string) => {
    say(`${verbs[what]} ${name} …`)
    say((await ask(token, what, name)) ?? `${done[what]} ${name}`)
  }
  return (
    <div class={isLost ? 'page stale' : 'page'}>
      <Head known={known} />
      <p class="word" role="status">
        {typeof word === 'string' ? (
          word
        ) : (
          <Words text={[word.summary, word.hint].filter(Boolean).join('. ')} />
        )}
      </p>
      {isLost && <Notice problem={ended} />}
      {!isLost && gone && <Notice problem={gone} />}
      {status && (
        <main>
          <div class="wide">
            <Troubles troubles={troubles} />
            {plan && <Plan {...plan} />}
            <Plot samples={samples} name={forward ? chosen : null} />
            <Forwards
              {...{ forwards: status.forwards, closed: plan?.closed ?? [], samples, chosen, choose, act }}
            />
          </div>
          <div class="beside">
            <Hosts hosts={status.hosts} />
            <Log log={log} names={forward ? [forward.name, forward.via] : null} />
          </div>
        </main>
      )}
    </div>
  )
}

const verbs = { restart: 'Restarting', close: 'Closing', open: 'Opening' } as const
const done = { restart: 'Restarted', close: 'Closed', open: 'Opened' } as const

function Notice({ problem }: { problem: Problem }) {
  return (
    <section class="notice" role="alert">
      <p>
        <Words text={problem.summary} />
      </p>
      <More {...problem} />
    </section>
  )
}

function Head({ known: { project, status, plan, samples } }: { known: Known }) {
  const rates = Object.values(samples.at(-1)?.rates ?? {})
  const total = (direction: 0 | 1) => rates.reduce((sum, rate) => sum + rate[direction], 0)
  return (
    <header>
      <h1>{project || 'tunnels'}</h1>
      {status && (
        <>
          <p class="quiet file">{status.files.join(', ')}</p>
          <p class="facts">
            <span>{fileIs(status, plan)}</span>
            <span class="quiet">
              process {status.supervisor.pid}, tunnels {status.supervisor.version}
            </span>
            <span class="rates">
              <span class="in">↓ {formatRate(total(0))}</span>
              <span class="out">↑ {formatRate(total(1))}</span>
            </span>
          </p>
        </>
      )}
    </header>
  )
}

function fileIs({ config, supervisor }: Status, plan: PlanNews | null): string {
  const isBroken = config.state === 'invalid' || plan?.problems.some(({ code }) => code.startsWith('CONFIG_'))
  if (isBroken) return 'the file is broken, the last good one runs'
  if (config.state === 'untrusted') return 'the file waits for trust, the last good one runs'
  if (plan && plan.changes.length > 0) return 'the file has changed'
  return supervisor.watching ? 'as the file says' : 'as the file says, not followed'
}

render(<App />, document.getElementById('app')!)

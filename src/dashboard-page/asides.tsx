// What stands beside the forwards: what is wrong, what the file asks for, the hosts.

import type { PlanNews } from '../dashboard/news.ts'
import type { Problem } from '../model/problem.ts'
import type { HostStatus } from '../model/status.ts'
import { formatAge, formatRtt } from '../view/quantity.ts'
import { StateMark } from './state-mark.tsx'
import { isWarning, type Trouble } from './troubles.ts'
import { Words } from './words.tsx'

export function Troubles({ troubles }: { troubles: readonly Trouble[] }) {
  if (troubles.length === 0) return null
  return (
    <section class="troubles" aria-labelledby="troubles-title">
      <h2 id="troubles-title">Problems</h2>
      <ul>
        {troubles.map((trouble) => (
          <li key={trouble.problem.summary} class={isWarning(trouble) ? 'warning' : 'error'}>
            <TroubleText {...trouble} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function TroubleText({ who, problem, retryAt }: Trouble) {
  return (
    <>
      <p>
        {!problem.summary.includes(who) && <strong>{who} </strong>}
        <Words text={problem.summary} /> <small class="quiet">{problem.code}</small>
      </p>
      <More {...problem} />
      {retryAt && <p class="quiet">{nextTry(retryAt)}</p>}
    </>
  )
}

export function More({ detail, hint }: Problem) {
  return (
    <>
      {detail && <pre>{detail}</pre>}
      {hint && (
        <p class="hint">
          <Words text={hint} />
        </p>
      )}
    </>
  )
}

function nextTry(retryAt: string): string {
  const seconds = Math.ceil((Date.parse(retryAt) - Date.now()) / 1_000)
  return seconds > 0 ? `Next try in ${seconds} s` : 'Next try now'
}

const signs = { open: '+', update: '~', reopen: '±', close: '−' } as const

/** Nothing where the file and what runs agree: the head says that. */
export function Plan({ changes, waiting }: PlanNews) {
  if (changes.length + waiting.length === 0) return null
  return (
    <section class="plan" aria-labelledby="plan-title">
      <h2 id="plan-title">The file asks for</h2>
      <ul>
        {changes.map(({ action, what, name, why }) => (
          <li key={`${what} ${name}`} class={action}>
            <span class="sign" aria-hidden="true">
              {signs[action]}
            </span>
            <span>
              <span class="unseen">{action} </span>
              {what} <strong>{name}</strong>: {why}
            </span>
          </li>
        ))}
      </ul>
      {waiting.length > 0 && (
        <>
          <p>
            <Words text="What nobody has agreed to yet; `tunnels up` on a terminal asks:" />
          </p>
          <pre>{waiting.join('\n')}</pre>
        </>
      )}
      {changes.length > 0 && (
        <p class="quiet">
          <Words text="`tunnels reload` applies it" />
        </p>
      )}
    </section>
  )
}

export function Hosts({ hosts }: { hosts: readonly HostStatus[] }) {
  if (hosts.length === 0) return null
  return (
    <section class="hosts" aria-labelledby="hosts-title">
      <h2 id="hosts-title">Hosts</h2>
      <ul>
        {hosts.map((host) => (
          <li key={host.name} data-host={host.name} data-state={host.state}>
            <p>
              <strong>{host.name}</strong> <StateMark state={host.state} />
            </p>
            <p class="quiet">
              <code>{host.endpoint}</code>
            </p>
            <p class="quiet">{factsOf(host)}</p>
            {host.next && (
              <p class="quiet">
                goes through <code>{host.next.endpoint}</code> once that is connected: {host.next.state}
              </p>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

function factsOf({ since, rttMs, reconnects }: HostStatus): string {
  const age = `for ${formatAge(Date.now() - Date.parse(since))}`
  const trip = rttMs === null ? null : `${formatRtt(rttMs)} there and back`
  const again =
    reconnects === 0 ? null : `connected again ${reconnects === 1 ? 'once' : `${reconnects} times`}`
  return [age, trip, again].filter((fact) => fact !== null).join(' · ')
}

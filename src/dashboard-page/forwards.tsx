// The forwards, one a row: how it is, where it leads, what moves, and what a person may do with it.

import { useState } from 'preact/hooks'
import type { Act, PlanNews, Sample } from '../dashboard/news.ts'
import type { ForwardStatus } from '../model/status.ts'
import { formatAge, formatBytes, formatRate } from '../view/quantity.ts'
import { Spark } from './spark.tsx'
import { StateMark } from './state-mark.tsx'

interface Shown {
  forwards: readonly ForwardStatus[]
  closed: PlanNews['closed']
  samples: readonly Sample[]
  chosen: string | null
  choose(name: string | null): void
  act(what: Act, name: string): void
}

const arrows = { local: 'L', remote: 'R', dynamic: 'D' } as const
const kinds = {
  local: 'local: listens here, leads there',
  remote: 'remote: listens there, leads here',
  dynamic: 'dynamic: a SOCKS proxy',
} as const

export function Forwards(shown: Shown) {
  const { forwards, closed } = shown
  const titles = ['Forward', 'State', 'From → to', 'Conns', 'In', 'Out', 'Last minute', '']
  return (
    <section class="forwards" aria-labelledby="forwards-title">
      <h2 id="forwards-title">Forwards</h2>
      {forwards.length + closed.length === 0 ? (
        <p class="quiet">There are none.</p>
      ) : (
        <table aria-labelledby="forwards-title">
          <thead>
            <tr>
              {titles.map((title) => (
                <th scope="col" key={title} class={numeric.has(title) ? 'number' : ''}>
                  {title || <span class="unseen">Actions</span>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {forwards.map((forward) => (
              <Row key={keyOf(forward)} forward={forward} {...shown} />
            ))}
            {closed.map(({ name, kind, via }) => (
              <tr class="closed" key={`closed ${name}`} data-forward={name}>
                <th scope="row">
                  <Kind kind={kind} /> {name}
                </th>
                <td class="state">
                  <StateMark state="closed" />
                </td>
                <td class="way quiet" colSpan={5}>
                  not selected, via {via}
                </td>
                <td class="acts">
                  <button type="button" onClick={() => shown.act('open', name)} aria-label={`Open ${name}`}>
                    Open
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

/** One that drains may have the name of the one in its place. */
function keyOf({ name, state, since }: ForwardStatus): string {
  return state === 'draining' ? `${since} ${name}` : name
}

const numeric = new Set(['Conns', 'In', 'Out'])

function Row({ forward, samples, chosen, choose, act }: Shown & { forward: ForwardStatus }) {
  const { name, kind, state, health, connections, bytes, since, description } = forward
  const [into, out] = samples.at(-1)?.rates[name] ?? [0, 0]
  const isChosen = chosen === name
  return (
    <tr class={isChosen ? 'chosen' : ''} data-forward={name} data-state={state}>
      <th scope="row">
        <Kind kind={kind} />{' '}
        <button
          type="button"
          class="name"
          aria-pressed={isChosen}
          title="Show its plot and its log alone"
          onClick={() => choose(isChosen ? null : name)}
        >
          {name}
        </button>
        {description && <span class="description">{description}</span>}
      </th>
      <td class="state">
        <StateMark state={state} health={health} />
        <span class="quiet age"> {formatAge(Date.now() - Date.parse(since))}</span>
      </td>
      <td class="way">
        <Way {...forward} />
      </td>
      <td class="number conns">
        <span class="label">connections </span>
        {connections.active}
        {connections.draining > 0 && <span title="draining">+{connections.draining}</span>}
        <span class="quiet"> of {connections.total}</span>
        <TurnedAway {...connections} />
      </td>
      <td class="number in">
        <Amount label="in" rate={into} total={bytes.in} />
      </td>
      <td class="number out">
        <Amount label="out" rate={out} total={bytes.out} />
      </td>
      <td class="minute">
        <Spark samples={samples} name={name} />
      </td>
      <td class="acts">{state !== 'draining' && <Acts name={name} open={connections.active} act={act} />}</td>
    </tr>
  )
}

function Kind({ kind }: { kind: ForwardStatus['kind'] }) {
  return (
    <abbr class="kind" title={kinds[kind]}>
      {arrows[kind]}
    </abbr>
  )
}

function Way({ kind, listen, to, via }: ForwardStatus) {
  const from = listen.length > 0 ? joinLoopbacks(listen) : '–'
  return (
    <>
      <code>{from}</code>
      {kind === 'remote' && <span class="quiet"> there</span>} <span class="quiet">→</span> <code>{to}</code>
      <span class="via">via {via}</span>
    </>
  )
}

/** Both loopbacks on one port are what the file calls `localhost`. */
function joinLoopbacks(listen: readonly string[]): string {
  const port = /^127\.0\.0\.1:(\d+)$/.exec(listen[0] ?? '')?.[1]
  return port && listen.length === 2 && listen[1] === `[::1]:${port}` ? `localhost:${port}` : listen.join(' ')
}

function Amount({ label, rate, total }: { label: string; rate: number; total: number }) {
  return (
    <>
      <span class="label">{label} </span>
      <span class="rate">{formatRate(rate)}</span>
      <span class="quiet total">{formatBytes(total)}</span>
    </>
  )
}

function TurnedAway({ failed, refused }: ForwardStatus['connections']) {
  if (failed + refused === 0) return null
  const parts = [failed > 0 && `${failed} failed`, refused > 0 && `${refused} refused`].filter(Boolean)
  return <span class="away">{parts.join(', ')}</span>
}

/** Where connections would be cut it is asked once more. */
function Acts({ name, open, act }: { name: string; open: number; act: Shown['act'] }) {
  const [asked, setAsked] = useState<'restart' | 'close' | null>(null)
  const words = { restart: 'Restart', close: 'Close' } as const
  if (asked) {
    const go = () => {
      setAsked(null)
      act(asked, name)
    }
    const onKeyDown = ({ key }: KeyboardEvent) => key === 'Escape' && setAsked(null)
    return (
      <span>
        <button type="button" class="cut" onClick={go} onKeyDown={onKeyDown} ref={focus}>
          {words[asked]}, cut {open}
          <span class="unseen">
            {' '}
            {open === 1 ? 'connection' : 'connections'} of {name}
          </span>
        </button>
        <button type="button" onClick={() => setAsked(null)}>
          Keep
        </button>
      </span>
    )
  }
  return (
    <>
      {(['restart', 'close'] as const).map((what) => (
        <button
          type="button"
          key={what}
          aria-label={`${words[what]} ${name}`}
          onClick={() => (open > 0 ? setAsked(what) : act(what, name))}
        >
          {words[what]}
        </button>
      ))}
    </>
  )
}

function focus(element: HTMLElement | null): void {
  element?.focus()
}

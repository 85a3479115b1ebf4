// What has happened, the newest line at the end, which stays in sight until somebody scrolls up.

import { useEffect, useRef } from 'preact/hooks'
import type { LogEntry } from '../dashboard/news.ts'

/** `names`: of a forward and its host; null: everything. */
export function Log({ log, names }: { log: readonly LogEntry[]; names: readonly string[] | null }) {
  const box = useRef<HTMLOListElement>(null)
  const isAtEnd = useRef(true)
  const lines = names ? log.filter(({ name }) => name !== null && names.includes(name)) : log
  useEffect(() => {
    if (isAtEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [lines.length, names?.join()])
  const onScroll = ({ currentTarget }: { currentTarget: HTMLElement }) => {
    const { scrollHeight, scrollTop, clientHeight } = currentTarget
    isAtEnd.current = scrollHeight - scrollTop - clientHeight < 20
  }
  return (
    <section class="log" aria-labelledby="log-title">
      <h2 id="log-title">{names ? `Log of ${names.join(', ')}` : 'Log'}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is to be reached with the keyboard */}
      <ol class="lines" ref={box} onScroll={onScroll} tabIndex={0} aria-labelledby="log-title">
        {lines.length === 0 && <li class="quiet">Nothing yet.</li>}
        {lines.map((line, index) => (
          <Line key={`${line.time} ${index}`} {...line} />
        ))}
      </ol>
    </section>
  )
}

function Line({ time, level, texts }: LogEntry) {
  const date = new Date(time)
  return (
    <li class={`entry ${level}`}>
      <time dateTime={time} title={date.toLocaleString()}>
        {date.toLocaleTimeString('en-GB', { hour12: false })}
      </time>
      <span>{texts.join('\n')}</span>
    </li>
  )
}

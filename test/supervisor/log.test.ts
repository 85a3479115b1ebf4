import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Event, LogLine, LogsRequest } from '../../src/control/protocol.ts'
import { ProblemError } from '../../src/model/problem.ts'
import type { Status } from '../../src/model/status.ts'
import { type Log, openLog } from '../../src/supervisor/log.ts'
import { openLogFile } from '../../src/supervisor/log-file.ts'
import { readLastLines } from '../../src/supervisor/log-tail.ts'
import { createThinner } from '../../src/supervisor/log-thin.ts'
import { readLog } from '../../src/supervisor/read-log.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'

const whole = { lines: null, since: null, isMeant: () => true }

function state(name: string, time = '2026-03-01T11:55:00.000Z'): Event {
  return { time, event: 'state', what: 'forward', name, state: 'open', problem: null }
}

function connection(outcome: 'opened' | 'refused', name = 'web'): Event {
  const none = { from: '127.0.0.1:5000', to: null, ms: 0, bytes: { in: 0, out: 0 }, problem: null }
  return { time: '2026-03-01T11:56:00.000Z', event: 'connection', what: 'forward', name, outcome, ...none }
}

function newLog(level: 'info' | 'debug' = 'info'): { log: Log; path: string } {
  const path = testFolder().join('state', 'supervisor.log')
  const log = openLog({ path, level, version: '1.2.3' })
  atEnd(() => log.close())
  return { log, path }
}

const nameOf = (line: LogLine) => ('name' in line ? line.name : line.event)

describe('the file', () => {
  const lost = (count: number) => `${count} lost\n`

  test('is for its owner alone, whatever the umask, and so is the older one', async () => {
    const before = process.umask(0)
    try {
      const path = testFolder().join('state', 'log')
      const file = openLogFile(path, { maxBytes: 100, lost })
      for (let line = 0; line < 40; line++) file.write(`line ${line}\n`)
      await file.close()
      file.write('one more\n'.repeat(12))
      await file.close()
      for (const name of [path, `${path}.1`]) expect(statSync(name).mode & 0o777).toBe(0o600)
      expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)
    } finally {
      process.umask(before)
    }
  })

  test('keeps one older file, and both are bounded; what else writes to it keeps its place', async () => {
    const path = testFolder().write('log', '')
    const file = openLogFile(path, { maxBytes: 1_000, lost })
    for (let line = 0; line < 1_000; line++) {
      file.write(`line ${line}\n`)
      if (line % 20 === 0) await file.read(async () => {})
    }
    const { ino } = statSync(path)
    await file.close()
    expect(statSync(path).ino).toBe(ino)
    for (const name of [path, `${path}.1`]) expect(statSync(name).size).toBeLessThanOrEqual(1_000)
    const both = readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8')
    const numbers = both
      .trimEnd()
      .split('\n')
      .map((line) => Number(line.slice(5)))
    expect(numbers.at(-1)).toBe(999)
    expect(numbers).toEqual(numbers.map((_, index) => numbers[0]! + index))
  })

  test('what is read is what was written before, and nothing after', async () => {
    const file = openLogFile(testFolder().join('log'), { lost })
    for (let line = 0; line < 500; line++) file.write(`${line}\n`)
    const reading = file.read(async ([newest]) => readFileSync(newest!, 'utf8'))
    for (let line = 500; line < 600; line++) file.write(`${line}\n`)
    expect((await reading).trimEnd().split('\n')).toEqual(
      Array.from({ length: 500 }, (_, line) => String(line)),
    )
    await file.close()
  })

  test('a disk that does not keep up costs lines, not memory, and it says how many', async () => {
    const path = testFolder().join('log')
    const file = openLogFile(path, { lost })
    const line = `${'x'.repeat(999)}\n`
    for (let written = 0; written < 3_000; written++) file.write(line)
    await file.read(async () => {})
    file.write('after\n')
    await file.close()
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    const kept = lines.filter((text) => text.startsWith('x')).length
    expect(lines.slice(kept)).toEqual([`${3_000 - kept} lost`, 'after'])
  })

  test('it comes back by itself when its folder does', async () => {
    const folder = testFolder()
    const path = folder.join('state', 'log')
    folder.write('state', 'in the way')
    const file = openLogFile(path, { lost })
    file.write('nobody hears this\n')
    await file.read(async () => {})
    rmSync(folder.join('state'))
    file.write('here again\n')
    await file.close()
    expect(readFileSync(path, 'utf8')).toBe('1 lost\nhere again\n')
  })

  test('each line that was lost is counted, also those that were to say so', async () => {
    const folder = testFolder()
    const path = folder.join('state', 'log')
    folder.write('state', 'in the way')
    const file = openLogFile(path, { lost })
    for (let line = 0; line < 5; line++) {
      file.write('nobody hears this\n')
      await file.read(async () => {})
    }
    rmSync(folder.join('state'))
    file.write('here again\n')
    await file.close()
    expect(readFileSync(path, 'utf8')).toBe('5 lost\nhere again\n')
  })

  test('removed, it is there again without a line to write, and says so; moved away, it goes on in its place', async () => {
    const folder = testFolder()
    const path = folder.join('state', 'log')
    const file = openLogFile(path, { lost, removed: () => 'removed\n', lookEveryMs: 5 })
    atEnd(() => file.close())
    file.write('first\n')
    await file.read(async () => {})
    rmSync(folder.join('state'), { recursive: true })
    await eventually(() => expect(readFileSync(path, 'utf8')).toBe('removed\n'))
    expect(statSync(path).mode & 0o777).toBe(0o600)
    renameSync(path, `${path}.old`)
    file.write('second\n')
    await file.read(async () => {})
    expect(readFileSync(path, 'utf8')).toBe('removed\nsecond\n')
    expect(readFileSync(`${path}.old`, 'utf8')).toBe('removed\n')
  })

  test('last words come after everything that was waiting', async () => {
    const path = testFolder().write('log', '')
    const file = openLogFile(path, { lost })
    file.write('first\n')
    file.writeNow('last words\n')
    expect(readFileSync(path, 'utf8')).toBe('first\nlast words\n')
    await file.close()
    expect(readFileSync(path, 'utf8')).toBe('first\nlast words\n')
  })
})

describe('its end', () => {
  test('is read over both files, chunks and letters of several bytes', async () => {
    const folder = testFolder()
    const line = (number: number) =>
      `${JSON.stringify({ level: 'info', ...state(`${number} ${'é€😀'.repeat(number % 90)}`) })}\n`
    const lines = Array.from({ length: 900 }, (_, number) => line(number))
    const [newer, older] = [
      folder.write('log', lines.slice(400).join('')),
      folder.write('log.1', lines.slice(0, 400).join('')),
    ]
    const all = await readLastLines([newer, older], whole)
    expect(all.map((each) => `${JSON.stringify(each)}\n`)).toEqual(lines)
    expect(await readLastLines([newer, older], { ...whole, lines: 600 })).toEqual(all.slice(-600))
    expect(await readLastLines([newer, older], { ...whole, lines: 0 })).toEqual([])
    expect(await readLastLines([folder.join('none')], whole)).toEqual([])
  })

  test('begins where it is asked to, by time', async () => {
    const times = ['10', '11', '12'].map((hour) => `2026-03-01T${hour}:00:00.000Z`)
    const file = testFolder().write(
      'log',
      times.map((time) => `${JSON.stringify({ level: 'info', ...state(time, time) })}\n`).join(''),
    )
    const found = await readLastLines([file], { ...whole, since: times[1]! })
    expect(found.map(nameOf)).toEqual(times.slice(1))
  })

  test('a line longer than a chunk and words of others are told as they are; of half a line, that it is one', async () => {
    const long = state('x'.repeat(200_000))
    const start = JSON.stringify({ level: 'info', time: long.time, event: 'start', pid: 1, version: '1' })
    const text = `FATAL ERROR: heap out of memory\n{"level":"info","time":\n{"level":"in${start}\n${JSON.stringify({ level: 'info', ...long })}\n{"time":5}\nnull\n`
    const found = await readLastLines([testFolder().write('log', text)], whole)
    expect(found.map((line) => (line.event === 'output' ? line.text : line.event))).toEqual([
      'FATAL ERROR: heap out of memory',
      'A line is missing here: it was cut when it was written',
      'start',
      'state',
      '{"time":5}',
      'null',
    ])
    expect(found[0]!.time).toBe(long.time)
  })
})

describe('a storm of refused connections', () => {
  test('is told in part and counted, for each forward by itself; other events are not held up', () => {
    let now = 0
    const thin = createThinner(() => now)
    const told = Array.from({ length: 500 }, () => thin(connection('refused'))).filter(
      (event) => event !== null,
    )
    expect(told).toHaveLength(20)
    expect(thin(connection('refused', 'other'))).toMatchObject({ name: 'other' })
    expect(thin(connection('opened'))).toMatchObject({ outcome: 'opened' })
    expect(thin(state('web'))).toMatchObject({ event: 'state' })
    now = 60_000
    expect(thin(connection('refused'))).toMatchObject({ untold: 480 })
    expect(thin(connection('refused'))).not.toHaveProperty('untold')
  })
})

describe('the log', () => {
  test('is JSON lines with level, time, and the name that each is about', async () => {
    const { log, path } = newLog()
    log.tell(state('web'))
    log.tell(connection('opened'))
    log.tell(connection('refused'))
    log.crash(new ProblemError({ code: 'INTERNAL', summary: 'boom', detail: 'at x' }))
    await log.close()
    const lines = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toMatchObject([
      {
        level: 'info',
        event: 'start',
        pid: process.pid,
        version: '1.2.3',
        time: expect.stringMatching(/Z$/),
      },
      { level: 'info', ...state('web') },
      { level: 'info', ...connection('refused') },
      { level: 'error', event: 'crash', problem: { summary: 'boom', detail: 'at x' } },
    ])
  })

  test('has each connection where that is asked for', async () => {
    const { log } = newLog('debug')
    log.tell(connection('opened'))
    const lines = await log.lastLines(whole)
    expect(lines.at(-1)).toMatchObject({ level: 'debug', outcome: 'opened' })
    await log.close()
  })

  test('goes on in the same file, whatever stands there', async () => {
    const { log, path } = newLog()
    await log.close()
    appendFileSync(path, 'Segmentation fault\n')
    const next = openLog({ path, level: 'info', version: '1.2.4' })
    expect((await next.lastLines(whole)).map(({ event }) => event)).toEqual(['start', 'output', 'start'])
    await next.close()
  })

  test('that cannot be written is no reason to fail', async () => {
    const folder = testFolder()
    const path = folder.join('log')
    mkdirSync(path)
    writeFileSync(`${path}/in the way`, '')
    const log = openLog({ path, level: 'info', version: '1' })
    log.tell(state('web'))
    log.crash(new Error('boom'))
    expect(await log.lastLines(whole)).toEqual([])
    await log.close()
    expect(existsSync(`${path}/in the way`)).toBe(true)
  })
})

describe('who reads it', () => {
  const forward = (name: string, via: string) => ({ name, via }) as Status['forwards'][number]
  const status = () =>
    ({ forwards: [forward('web', 'acme'), forward('db', 'acme'), forward('far', 'other')] }) as Status

  async function reading(request: Partial<LogsRequest>) {
    const { log } = newLog('debug')
    const listeners = new Set<(event: Event) => void>()
    const watchEvents = (listener: (event: Event) => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
    const emit = (event: Event) => {
      log.tell(event)
      for (const listener of listeners) listener(event)
    }
    const names = ['acme', 'web', 'db', 'far']
    for (const name of names)
      emit(name === 'acme' ? ({ ...state(name), what: 'host' } as Event) : state(name))
    const leaving = new AbortController()
    const told: string[] = []
    const asked: LogsRequest = {
      lines: null,
      since: null,
      names: [],
      level: 'info',
      follow: false,
      ...request,
    }
    const done = readLog(
      { log, status, watchEvents },
      asked,
      (line) => void told.push(nameOf(line)),
      leaving.signal,
    )
    return { emit, told, done, leave: () => leaving.abort(), listeners, log }
  }

  test('gets what is about a forward, or about a host and all forwards via it', async () => {
    const about = async (...names: string[]) => {
      const { done, told } = await reading({ names })
      await done
      return told
    }
    expect(await about()).toEqual(['start', 'acme', 'web', 'db', 'far'])
    expect(await about('web')).toEqual(['web'])
    expect(await about('acme')).toEqual(['acme', 'web', 'db'])
    expect(await about('nobody')).toEqual([])
  })

  test('and follows it: each line once, in order, also those told while the file is read', async () => {
    const { emit, told, done, leave, listeners, log } = await reading({ follow: true, lines: 2 })
    for (let number = 0; number < 100; number++) emit(state(String(number)))
    await log.lastLines(whole)
    for (let number = 100; number < 200; number++) emit(state(String(number)))
    await log.lastLines(whole)
    expect(told).toEqual(['db', 'far', ...Array.from({ length: 200 }, (_, number) => String(number))])
    leave()
    await done
    expect(listeners.size).toBe(0)
  })

  test('sees connections live even where the file has none', async () => {
    const quiet = await reading({ follow: true })
    const loud = await reading({ follow: true, level: 'debug' })
    for (const { emit, log, leave, done } of [quiet, loud]) {
      await log.lastLines(whole)
      emit(connection('opened', 'live'))
      leave()
      await done
    }
    expect(quiet.told).not.toContain('live')
    expect(loud.told).toContain('live')
  })

  test('a storm of refused connections washes nothing out of what is followed either, unless each is asked for', async () => {
    const quiet = await reading({ follow: true, names: ['live'] })
    const loud = await reading({ follow: true, names: ['live'], level: 'debug' })
    for (const { emit, log, leave, done } of [quiet, loud]) {
      await log.lastLines(whole)
      for (let count = 0; count < 50; count++) emit(connection('refused', 'live'))
      leave()
      await done
    }
    expect(loud.told).toHaveLength(50)
    expect(quiet.told).toHaveLength(20)
  })
})

// `tunnels demo`: shows local, remote and dynamic forwards at work, and a live edit, against a server of its
// own. This file is the story; what it needs stands beside it. Nothing is left behind.

import { withDeadline } from '../model/deadline.ts'
import { ProblemError, problemOf } from '../model/problem.ts'
import { formatPlan } from '../view/plan.ts'
import { formatProblems } from '../view/problem.ts'
import { formatStatus } from '../view/status.ts'
import { type Counting, expectAnswer, openCounting } from './answer.ts'
import { SHOP_GREETING, WEB_GREETING } from './far-side.ts'
import { watchInterrupt } from './interrupt.ts'
import { letPlay } from './play.ts'
import { formatEdit, formatEdited, formatFirst } from './project-file.ts'
import { nextPlan, type Running, startRunning, untilOpen } from './running.ts'
import { type Say, sayTo } from './say.ts'
import { NEAR_GREETING, type Scene, setScene } from './scene.ts'

export interface DemoOptions {
  /** Ends by itself; else it stays until Ctrl-C, for a person to play with. */
  once: boolean
  out: NodeJS.WritableStream
  color: boolean
  version: string
  signal?: AbortSignal
}

/** The exit code: 0, 1 when something was not as it should be, 130 or 143 when interrupted before the end of the story. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const interrupt = watchInterrupt(options.signal)
  const closers: (() => Promise<void>)[] = []
  const say = sayTo(options.out, options.color)
  try {
    await perform({ ...options, signal: interrupt.signal }, say, (close) => closers.push(close))
    return 0
  } catch (error) {
    if (interrupt.signal.aborted) return interrupt.exitCode()
    say.heading('The demo failed')
    say.line(formatProblems([problemOf(error)], { sources: () => undefined, color: options.color, cwd: '/' }))
    return 1
  } finally {
    await closeAll(closers, say)
    interrupt.stop()
  }
}

/** The last opened first; one that cannot be closed keeps none of the others open. */
async function closeAll(closers: (() => Promise<void>)[], say: Say): Promise<void> {
  let isClosed = true
  for (const close of closers.reverse()) {
    await close().catch((error: unknown) => {
      isClosed = false
      say.line(`Something could not be closed: ${problemOf(error).summary}`)
    })
  }
  if (isClosed) say.heading('Everything that the demo had opened is closed again.')
}

type Stage = DemoOptions & { signal: AbortSignal }

async function perform(
  stage: Stage,
  say: Say,
  atEnd: (close: () => Promise<void>) => unknown,
): Promise<void> {
  const scene = await setScene(atEnd)
  await writeFile(scene, say)
  const running = await startRunning(scene.folder.file, stage.version)
  atEnd(running.stop)
  await bringUp(running, say, stage)
  await fetchThroughEach(scene, say, stage)
  const counting = await editLive(scene, running, say, stage)
  showStatus(scene, running, say, stage)
  await counting.stop()
  if (!stage.once) await letPlay(scene, running, say, stage)
}

async function writeFile({ far, folder, numbers }: Scene, say: Say): Promise<void> {
  say.heading('A far side to reach, made for this demo')
  say.line(`  An SSH server on 127.0.0.1:${far.sshPort} with one user and one key, both new.`)
  say.line('  Behind it two web services, which only it knows as web.demo and shop.demo.')
  await folder.save(formatFirst(numbers))
  say.heading(`The tunnels, as a file: ${folder.file}`)
  say.quote(formatFirst(numbers))
}

async function bringUp({ control }: Running, say: Say, stage: Stage): Promise<void> {
  say.heading('tunnels up')
  await untilOpen(control, ['web', 'webhook', 'browse'], soon(stage))
  say.quote(formatStatus(control.status(), { color: stage.color, columns: 110, now: new Date() }))
}

async function fetchThroughEach({ numbers }: Scene, say: Say, stage: Stage): Promise<void> {
  say.heading('Something fetched through each of them')
  const way = { signal: soon(stage) }
  const web = `http://127.0.0.1:${numbers.web}/`
  say.exchange(`curl ${web}`, await expectAnswer('web', web, WEB_GREETING, way))
  const webhook = `http://127.0.0.1:${numbers.webhook}/`
  const back = await expectAnswer('webhook', webhook, NEAR_GREETING, way)
  say.exchange(`curl ${webhook}    # asked on the far side`, back)
  const socks = { host: '127.0.0.1', port: numbers.browse }
  const named = await expectAnswer('browse', 'http://shop.demo/', SHOP_GREETING, { ...way, socks })
  say.exchange(`curl --socks5-hostname 127.0.0.1:${numbers.browse} http://shop.demo/`, named)
}

async function editLive(
  { far, folder, numbers }: Scene,
  running: Running,
  say: Say,
  stage: Stage,
): Promise<Counting> {
  say.heading('The file is edited, while a connection through web is open')
  const way = { signal: soon(stage) }
  const url = `http://127.0.0.1:${numbers.web}/`
  const counting = openCounting('web', `${url}count`, way)
  const before = await counting.hearPast(2)
  say.quote(formatEdit(numbers))
  const edited = folder.save(formatEdited(numbers))
  const [plan] = await Promise.all([nextPlan(running.control, way.signal), edited])
  say.heading('The plan that was applied')
  say.quote(formatPlan(plan, { color: stage.color }))
  await untilOpen(running.control, ['web', 'docs'], way.signal)
  say.exchange(`curl ${url}`, await expectAnswer('web', url, SHOP_GREETING, way))
  const docs = `http://127.0.0.1:${numbers.docs}/`
  say.exchange(`curl ${docs}`, await expectAnswer('docs', docs, WEB_GREETING, way))
  const after = await counting.hearPast(far.web.counted())
  say.line(
    `  The connection that was open heard 1 to ${before} before the edit, and to ${after} since: none missing.`,
  )
  say.line('  It goes on to web.demo for as long as `drain` lets it (10 minutes): the +1 under CONNS below.')
  return counting
}

function showStatus({ far }: Scene, { control }: Running, say: Say, stage: Stage): void {
  say.heading('tunnels status')
  say.quote(formatStatus(control.status(), { color: stage.color, columns: 110, now: new Date() }))
  if (far.logins() !== 1) throw unexpected(`${far.logins()} SSH connections were made where one is enough`)
  say.line('  All of it went over one SSH connection, which the edit left alone.')
}

function unexpected(summary: string): ProblemError {
  return new ProblemError({ code: 'INTERNAL', summary })
}

/** What an honest demo may take for one step; far more than it needs. */
function soon(stage: Stage): AbortSignal {
  return withDeadline(stage.signal, 10_000)
}

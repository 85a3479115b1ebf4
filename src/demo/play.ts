// After the story: the tunnels stay, a person plays with them from a second terminal, and sees here what happens.

import { basename, relative } from 'node:path'
import { formatEvent } from '../view/event.ts'
import type { Running } from './running.ts'
import type { Say } from './say.ts'
import type { Scene } from './scene.ts'

/** Resolves on Ctrl-C (`signal`), or when somebody has typed `tunnels down`. */
export async function letPlay(
  scene: Scene,
  running: Running,
  say: Say,
  { signal, color }: { signal: AbortSignal; color: boolean },
): Promise<void> {
  invite(scene, say)
  const stop = running.control.watchEvents((event) => {
    for (const line of formatEvent(event, { color })) say.quote(line)
  })
  await Promise.race([running.ended, aborted(signal)])
  stop()
  say.heading(signal.aborted ? 'Closing everything' : 'The tunnels were ended from elsewhere')
}

function invite({ folder, numbers }: Scene, say: Say): void {
  const { web, webhook, browse } = numbers
  say.heading('Now you: they stay up until you press Ctrl-C. In a second terminal, try')
  say.quote(`curl http://127.0.0.1:${web}/
curl http://127.0.0.1:${webhook}/
curl --socks5-hostname 127.0.0.1:${browse} http://web.demo/
${thisCommand()} -f ${folder.file} status
\${EDITOR:-vi} ${folder.file}`)
  say.line('\n  A saved edit is applied at once, and shown here:')
}

/** How this program was called: a name on the PATH, or node and a file. */
function thisCommand(): string {
  const called = process.argv[1] ?? ''
  if (basename(called) === 'tunnels') return 'tunnels'
  const path = relative(process.cwd(), called)
  return `node ${path.startsWith('..') ? called : path}`
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

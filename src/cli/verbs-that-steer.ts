// The verbs that open, close and follow: what one types every day.

import type { Add } from './verb.ts'

export function addVerbsThatSteer(add: Add): void {
  const up = add(
    'up [NAME...]',
    'open what the file says, and keep it open',
    async (invocation, names, own) => {
      const verb = await import('./up.ts')
      const { detach = false, watch = true, dryRun = false } = own as Partial<Record<string, boolean>>
      const waiting = {
        wait: own.wait === true,
        waitTimeout: (own.waitTimeout as string | undefined) ?? null,
        http: (own.http as string | undefined) ?? null,
      }
      return verb.up(invocation, { names, detach, watch, dryRun, ...waiting, trust: own.trust === true })
    },
    { examples: ['tunnels up', 'tunnels up -d web', 'tunnels up --wait --wait-timeout 2m'] },
  )
  up.option(
    '-d, --detach',
    'in the background; returns when each forward is open or its first attempt has failed',
  )
    .option('--wait', 'as -d, but wait until a connection has gone through each, as its healthcheck says')
    .option('--wait-timeout <duration>', 'how long --wait waits (60s; 0: for ever)')
    .option('--http <address>', 'serve /healthz, /readyz and /metrics on a port, or address:port')
    .option('--no-watch', 'do not follow the file')
    .option('--dry-run', 'show what would change, as `plan`')
    .option('--trust', 'accept what this file may do, without asking')
  add(
    'down [NAME...]',
    'close them; without names also end the supervisor',
    async (invocation, names, own) => {
      const verb = await import('./down.ts')
      const drain = (own.drain as string | undefined) ?? null
      return verb.down(invocation, { names, drain, all: own.all === true })
    },
    { examples: ['tunnels down', 'tunnels down web --drain 30s'] },
  )
    .option('--drain <duration>', 'let open connections finish first, at most this long (30s)')
    .option('--all', 'every project of this user')
  add(
    'plan [NAME...]',
    'show what `up` would change, and why',
    async (invocation, names, own) => {
      const verb = await import('./plan.ts')
      return verb.plan(invocation, { names, detailedExitcode: own.detailedExitcode === true, asUp: false })
    },
    { examples: ['tunnels plan', 'tunnels plan --detailed-exitcode'] },
  ).option('--detailed-exitcode', 'exit with 0 for no changes, 2 for changes, 1 for an error')
  add(
    'status [NAME...]',
    'show hosts and forwards as they are now',
    async (invocation, names, own) => {
      const verb = await import('./status.ts')
      const { check = false, watch = false, connections = false } = own as Partial<Record<string, boolean>>
      return verb.status(invocation, { names, check, watch, connections })
    },
    { examples: ['tunnels status --watch', 'tunnels status --check web', 'tunnels status --connections'] },
  )
    .alias('ps')
    .option('--check', 'exit with 1 unless all are open (or idle) and none is unhealthy')
    .option('--connections', 'each connection, too: client, age and bytes')
    .option('--watch', 'go on showing it as it changes')
  add(
    'restart [NAME...]',
    'close and open again',
    async (invocation, names, own) =>
      (await import('./restart.ts')).restart(invocation, { names, trust: own.trust === true }),
    { examples: ['tunnels restart web'] },
  ).option('--trust', 'accept what this file may do, without asking')
  add(
    'reload',
    'read the file again, now',
    async (invocation, _names, own) =>
      (await import('./reload.ts')).reload(invocation, { trust: own.trust === true }),
    { examples: ['tunnels reload'] },
  ).option('--trust', 'accept what this file may do, without asking')
}

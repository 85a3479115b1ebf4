// The verbs that say why, and those by which programs find what is open.

import type { Add, Run } from './verb.ts'

export function addVerbsThatTell(add: Add): void {
  add(
    'doctor [NAME...]',
    'go through each step, and say what is wrong',
    async (invocation, names, own) =>
      (await import('./doctor.ts')).doctor(invocation, { names, trust: own.trust === true }),
    { examples: ['tunnels doctor', 'tunnels doctor web'] },
  ).option('--trust', 'accept what this file may do, without asking')
  add(
    'hostkeys [HOST...]',
    'the keys of hosts, as a block for the file',
    async (invocation, names, own) =>
      (await import('./hostkeys.ts')).hostkeys(invocation, {
        names,
        scan: own.scan === true,
        trust: own.trust === true,
      }),
    { examples: ['tunnels hostkeys', 'tunnels hostkeys --scan bastion'] },
  )
    .option('--scan', 'ask the servers, instead of known_hosts; nobody vouches for what they say')
    .option('--trust', 'with --scan: accept what the files may do without asking')
  const runLogs: Run = async (invocation, names, own) => {
    const { follow, lines, since } = own as { follow?: true; lines?: string; since?: string }
    const verb = await import('./logs.ts')
    return verb.logs(invocation, {
      names,
      follow: follow === true,
      lines: lines ?? null,
      since: since ?? null,
    })
  }
  add('logs [NAME...]', 'show what has happened', runLogs, {
    followsByF: true,
    examples: ['tunnels logs -f', 'tunnels logs web --since 10m'],
  })
    .option('-f, --follow', 'and go on with what happens')
    .option('-n, --lines <count>', 'the last so many lines (100), or `all`')
    .option('--since <when>', 'how long ago (10m), or since a time (2026-03-01T12:00)')
  const runRun: Run = async (invocation, names, own, command) => {
    const verb = await import('./run.ts')
    const waitTimeout = (own.waitTimeout as string | undefined) ?? null
    const { trust = false, autoPorts = false } = own as Partial<Record<string, boolean>>
    return verb.run(invocation, { names, command, trust, autoPorts, waitTimeout })
  }
  add('run [words...]', 'run a command with tunnels around it', runRun, {
    runsCommand: true,
    examples: ['tunnels run -- npm test', 'tunnels run postgres -- psql'],
  })
    .usage('[options] [NAME...] -- COMMAND [ARGUMENT...]')
    .option('--auto-ports', 'listen on free ports, whatever the file says')
    .option('--wait-timeout <duration>', 'how long a connection may take to go through (60s; 0: for ever)')
    .option('--trust', 'accept what this file may do, without asking')
  add(
    'port <name>',
    'where a forward listens',
    async (invocation, [name = '']) => (await import('./port.ts')).port(invocation, name),
    { examples: ['tunnels port web'] },
  )
  add(
    'env [NAME...]',
    'the variables by which programs find the forwards',
    async (invocation, names, own) => {
      const verb = await import('./env.ts')
      return verb.env(invocation, { names, format: (own.format as string | undefined) ?? null })
    },
    { examples: ['eval "$(tunnels env)"', 'tunnels env web --format dotenv > .env.tunnels'] },
  ).option('--format <format>', 'shell (the default), dotenv or json')
  add(
    'ls [address]',
    'show every project that runs, or who holds a port, an address or a socket',
    async (invocation, [what = null]) => (await import('./ls.ts')).ls(invocation, what),
    { examples: ['tunnels ls', 'tunnels ls 9000'] },
  )
}

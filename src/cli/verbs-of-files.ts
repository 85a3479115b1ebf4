// The verbs for the file and what is made of it; and what helps beside it: a page, a schema, completion, a demo.

import type { Add, Run } from './verb.ts'

export function addVerbsOfFiles(add: Add): void {
  add(
    'config',
    'print the file as it is understood; with --quiet only check it',
    async (invocation, _, own) =>
      (await import('./config.ts')).config(invocation, { checkOnly: false, withOrigin: own.origin === true }),
    { examples: ['tunnels config', 'tunnels config --origin'] },
  ).option('--origin', 'print every value in effect, with where it comes from')
  add(
    'validate',
    'check the file, warnings included',
    async (invocation) =>
      (await import('./config.ts')).config(invocation, { checkOnly: true, withOrigin: false }),
    { examples: ['tunnels validate -f tunnels.yaml'] },
  )
  add(
    'trust',
    'show what the files may do, and what waits for an answer',
    async (invocation, _names, own) => {
      const verb = await import('./trust.ts')
      return verb.trust(invocation, { list: own.list === true, revoke: own.revoke === true })
    },
    { examples: ['tunnels trust', 'tunnels trust --revoke'] },
  )
    .option('--list', 'of every project')
    .option('--revoke', 'trust nothing of this project any more')
  add(
    'init',
    'write a first tunnels.yaml here',
    async (invocation) => (await import('./init.ts')).init(invocation),
    { examples: ['tunnels init'] },
  )
  add(
    'import [words...]',
    'an ssh command line, or your ssh configuration, as lines for the file',
    async (invocation, words, own) => {
      const verb = await import('./import.ts')
      const fromSshConfig = own.fromSshConfig === true
      return verb.importTunnels(invocation, { words, fromSshConfig, write: own.write === true })
    },
    {
      examples: [
        "tunnels import 'ssh -L 8080:zaiste.net:80 acme'",
        'tunnels import --write -- ssh -p 2222 -D 1080 me@acme',
        'tunnels import --from-ssh-config --write',
      ],
    },
  )
    .usage("[options] ('ssh …' | -- ssh … | --from-ssh-config [HOST...])")
    .option(
      '--from-ssh-config',
      'the forwards of these hosts of your ssh configuration, or of all that it names',
    )
    .option('--write', 'add them to the file, and touch nothing else in it')
  add(
    'export <format>',
    'print the same tunnels for ssh, systemd, launchd, compose or kubernetes',
    async (invocation, [format = '']) => (await import('./export.ts')).exportTo(invocation, format),
    { examples: ['tunnels export ssh', 'tunnels export systemd > shop.service'] },
  )
  add(
    'dashboard',
    'a page to look at and to steer it, on loopback, with a token',
    async (invocation) => (await import('./dashboard.ts')).dashboard(invocation),
    { examples: ['tunnels dashboard'] },
  )
  add(
    'schema',
    'print the JSON Schema of tunnels.yaml',
    async (invocation) => (await import('./schema.ts')).schema(invocation),
    { examples: ['tunnels schema > tunnels.schema.json'] },
  )
  add(
    'completion <shell>',
    'print what completes command lines in bash, zsh or fish',
    async (invocation, [shell = '']) => (await import('./completion.ts')).completion(invocation, shell),
    {
      examples: [
        'eval "$(tunnels completion bash)"',
        'source <(tunnels completion zsh)',
        'tunnels completion fish | source',
      ],
    },
  )
  add(
    'demo',
    'show it at work, against an SSH server of its own',
    async (invocation, _names, own) =>
      (await import('./demo.ts')).demo(invocation, { once: own.once === true }),
    { examples: ['tunnels demo'] },
  ).option('--once', 'end by itself')
  const supervise: Run = async (invocation) => (await import('./supervise.ts')).supervise(invocation)
  add('__supervise <file>', 'what `up -d` leaves in the background', supervise, {
    hidden: true,
    examples: [],
  })
}

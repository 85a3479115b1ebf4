// Completion as somebody meets it: real bash, zsh and fish load what `tunnels completion` prints and complete a line that is
// being typed.

import { spawn } from 'node:child_process'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { atEnd } from '../helpers/cleanup.ts'
import { type CliProject, MAIN, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { hasTerminals } from '../helpers/pty.ts'
import { sampleOf } from '../helpers/sample.ts'

const FILE = `hosts:
  acme:
  x-notes: ignored
forwards:
  web: -L 8080:h:80 acme
  webhook: { via: acme, remote: 7000, to: 3000, profiles: [dev] }
  "$(touch pwned)": -D 1 acme
`

interface Typist {
  cli: CliProject
  env: Record<string, string>
}

/** A project with `tunnels` on PATH, and each shell's script in a file of its name. */
async function typist(): Promise<Typist> {
  const cli = project({ 'tunnels.yaml': FILE })
  cli.write('bin/tunnels', `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  chmodSync(join(cli.folder, 'bin/tunnels'), 0o755)
  // Nobody asks this one: it is what a cloned folder may have.
  writeFileSync(join(cli.folder, 'tunnels'), '#!/bin/sh\ntouch pwned\n', { mode: 0o755 })
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await cli.run(['completion', shell])
    expect(code).toBe(0)
    cli.write(shell, stdout)
  }
  const path = `${join(cli.folder, 'bin')}:${process.env.PATH}`
  return { cli, env: { ...cli.env, PATH: path, TERM: 'dumb', LANG: 'C.UTF-8' } }
}

/** What each shell is to offer for these lines, whatever order it likes. */
const CASES: [line: string, words: string[]][] = [
  ['tunnels sta', ['status']],
  ['tunnels up w', ['web', 'webhook']],
  ['tunnels up web a', ['acme']],
  ['tunnels -f tunnels.yaml up a', ['acme']],
  ['tunnels up --wait-', ['--wait-timeout']],
  ['tunnels --profile ', ['dev']],
  ['tunnels export sy', ['systemd']],
  ['tunnels env --format=d', ['dotenv']],
  ['tunnels -f tunnels.y', ['tunnels.yaml']],
  ['tunnels nothing ', []],
]

test('bash: the function that it calls gives the words', async () => {
  const { cli, env } = await typist()
  for (const [line, words] of [
    ...sampleOf(CASES, 2),
    ['./tunnels up w', ['web', 'webhook']] as (typeof CASES)[0],
  ]) {
    const typed = line.split(/( |=)/).filter((word) => word !== ' ')
    const script = `. ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tunnels; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr } = await execa('bash', ['--norc', '-c', script, 'bash', ...typed], {
      cwd: cli.folder,
      env,
    })
    expect(stdout.split('\n').filter(Boolean), line).toEqual(words)
    expect(stderr).toBe('')
  }
  const run = `. ./bash; COMP_WORDS=(tunnels run web -- prin); COMP_CWORD=4; _tunnels; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout } = await execa('bash', ['--norc', '-c', run], { cwd: cli.folder, env })
  expect(stdout.split('\n')).toContain('printf')
  expect(existsSync(join(cli.folder, 'pwned'))).toBe(false)
})

test('fish: `complete -C` gives the words, with what they are', async () => {
  const { cli, env } = await typist()
  const ask = async (line: string) => {
    const script = `source ./fish; complete -C '${line}'`
    const { stdout } = await execa('fish', ['--no-config', '-c', script], { cwd: cli.folder, env })
    return stdout.split('\n').filter(Boolean)
  }
  for (const [line, words] of sampleOf(CASES, 2, 1)) {
    const found = (await ask(line)).map((answer) => answer.split('\t')[0]!.replace(/^--format=/, ''))
    expect(found.sort(), line).toEqual(words)
  }
  expect(await ask('tunnels sta')).toEqual(['status\tshow hosts and forwards as they are now'])
  expect((await ask('tunnels run web -- printen')).map((answer) => answer.split('\t')[0])).toContain(
    'printenv',
  )
  expect(existsSync(join(cli.folder, 'pwned'))).toBe(false)
})

test.runIf(hasTerminals)('zsh: a line is completed on a terminal as one presses Tab', async () => {
  const { cli, env } = await typist()
  cli.write('.home/.zshrc', `PROMPT='> '\nautoload -Uz compinit\ncompinit -u\nsource ./zsh\n`)
  const child = spawn('script', ['-qfec', 'stty rows 40 cols 150; exec zsh -i', '/dev/null'], {
    cwd: cli.folder,
    env: { ...env, TERM: 'vt100', ZDOTDIR: join(cli.folder, '.home') },
  })
  atEnd(() => void child.kill('SIGKILL'))
  let shown = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += stripVTControlCharacters(text).replaceAll('\0', '')
  })
  const after = async (keys: string, expected: RegExp) => {
    shown = ''
    child.stdin.write(keys)
    await eventually(() => expected.test(shown) || Promise.reject(new Error(JSON.stringify(shown))), {
      timeoutMs: 20_000,
    })
  }
  await eventually(() => shown.includes('> '))
  await after('tunnels sta\t', /tunnels status /)
  await after('\x15tunnels up we\t\t', /webhook +web +-- forward/)
  await after('\x15tunnels env --format=d\t', /otenv/)
  await after('\x15tunnels -f tunnels.y\t', /aml/)
  await after('\x15tunnels run web -- printen\t', /v /)
  await after('\x15exit\r', /exit/)
  expect(existsSync(join(cli.folder, 'pwned'))).toBe(false)
})

test('it is silent and runs nothing, whatever stands in the file', async () => {
  const cli = project({ 'tunnels.yaml': '\0' })
  const silent = async (words: string[]) => {
    const { code, stdout, stderr } = await cli.run(['__complete', ...words])
    expect({ code, stderr }, words.join(' ')).toEqual({ code: 0, stderr: '' })
    return stdout
  }
  expect(await silent(['up', ''])).toBe('')
  await silent(['-f', '-', 'up', ''])
  // A host of the file may name a file for ssh, and a variable that nobody has set: nobody asks for either.
  cli.write(
    'tunnels.yaml',
    'hosts: { a: { ssh_config: ./evil, hostname: "${UNSET:?no}" } }\nforwards: { web: { via: a, local: 1, to: 2 } }\n',
  )
  cli.write('evil', 'Match exec "touch pwned"\n  User x\n')
  expect(await silent(['up', ''])).toBe('web\tforward\na\thost\n')
  expect(existsSync(join(cli.folder, 'pwned'))).toBe(false)
})

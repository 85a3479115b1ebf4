// The help of every command ends with command lines that work: a shell takes them apart, and the binary's own parser takes
// what it is given.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { buildProgram } from '../../src/cli/program.ts'
import { testFolder } from '../helpers/folder.ts'

const options = { env: {}, cwd: '/', version: '0.0.0', mainPath: '/main.js' }

test('each command has an example at the end of its help, and each example is a command line that parses', async () => {
  const program = buildProgram(options, () => {})
  const visible = program.createHelp().visibleCommands(program)
  const verbs = visible.filter((command) => command.name() !== 'help')
  expect(verbs.length).toBeGreaterThan(15)
  for (const command of [program, ...verbs]) {
    const examples = examplesOf(command)
    expect(examples.length, `${command.name()} --help has no example`).toBeGreaterThan(0)
    const given = examples.flatMap((line) => wordsGiven(line))
    expect(given.length, `${command.name()} is not in its examples`).toBeGreaterThanOrEqual(examples.length)
    for (const words of given) expect(await parsed(words), `tunnels ${words.join(' ')}`).toBe(true)
    if (command !== program)
      expect(given.map((words) => words.join(' ')).join('\n')).toContain(command.name())
  }
})

/** The lines of help below `Example:`, the last thing in it. */
function examplesOf(command: Command): string[] {
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
  const [, block = ''] = /\nExamples?:\n((?: {2}\$ .*\n?)+)\n*$/.exec(help) ?? []
  return block
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/^ *\$ /, ''))
}

/** What a shell would give to each `tunnels` in this line. */
function wordsGiven(line: string): string[][] {
  const folder = testFolder()
  const log = join(folder.path, 'log')
  const fake = `tunnels() { printf '%s\\0' "$@" >> '${log}'; printf '\\n' >> '${log}'; }`
  spawnSync('bash', ['-c', `${fake}\n${line}`], { cwd: folder.path, env: {}, encoding: 'utf8' })
  const { stdout } = spawnSync('cat', [log], { encoding: 'utf8' })
  return stdout
    .split('\0\n')
    .slice(0, -1)
    .map((words) => words.split('\0'))
}

async function parsed(words: string[]): Promise<boolean> {
  let isTaken = false
  const program = buildProgram(options, () => {})
  for (const command of [program, ...program.commands]) command.configureOutput({ writeOut: () => {} })
  for (const command of program.commands)
    command.action(() => {
      isTaken = true
    })
  const help = await program.parseAsync(words, { from: 'user' }).then(
    () => false,
    (error: { exitCode?: number }) => error.exitCode === 0,
  )
  return isTaken || help
}

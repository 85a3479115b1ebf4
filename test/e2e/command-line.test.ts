// The binary's manners: help, versions, mistakes, where options may stand, colours, and what it loads.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { MAIN, project } from '../helpers/cli.ts'

const file = 'forwards:\n  web: -L 18080:localhost:80 acme.example.com\n'

describe('usage', () => {
  test('a mistake is 2 and names what was meant', async () => {
    const cli = project({ 'tunnels.yaml': file })
    const verb = await cli.run(['sttaus'])
    expect(verb).toMatchObject({ code: 2, stdout: '' })
    expect(verb.stderr).toContain('Did you mean status?')
    const option = await cli.run(['up', '--detahc'])
    expect(option).toMatchObject({ code: 2, stdout: '' })
    expect(option.stderr).toContain('Did you mean --detach?')
    const dashless = await cli.run(['run', 'curl', '-sS', 'http://localhost'])
    expect(dashless).toMatchObject({ code: 2, stdout: '' })
    expect(dashless.stderr).toMatch(/behind two dashes: tunnels run -- .*\nSee `tunnels help run`/)
    const json = await cli.run(['--json', 'sttaus'])
    expect(JSON.parse(json.stdout).problems).toMatchObject([{ code: 'USAGE' }])
  })

  test('help and version go to stdout and are fine', async () => {
    const cli = project({})
    const { version } = JSON.parse(readFileSync(join(dirname(MAIN), '../package.json'), 'utf8'))
    expect(await cli.run(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
    for (const args of [['--help'], [], ['help'], ['up', '--help'], ['help', 'up']]) {
      const help = await cli.run(args)
      expect(help).toMatchObject({ code: 0, stderr: '' })
      expect(help.stdout.match(/^Usage: /gm)).toHaveLength(1)
    }
    expect((await cli.run(['--help'])).stdout).not.toContain('__supervise')
  })

  test.runIf(process.platform === 'linux')(
    'too few files to begin with are said, and are no crash',
    async () => {
      const cli = project({ 'tunnels.yaml': file })
      const prefix = ['/bin/sh', '-c', 'ulimit -n 22; exec "$0" "$@"']
      for (const verb of ['up', 'validate']) {
        const { code, stderr } = await cli.run([verb], { prefix })
        expect(stderr).not.toMatch(/^ +at /m)
        // How many Node has open at a time is a matter of luck: sometimes they are enough to validate one.
        if (verb === 'validate' && code === 0) continue
        expect(code, stderr).toBe(1)
        expect(stderr).toContain('ulimit -n')
      }
      // Who only asks needs hardly any.
      expect(await cli.run(['status'], { prefix })).toMatchObject({ code: 3 })
    },
  )

  test('an option may stand before the verb or after it', async () => {
    const cli = project({ 'other.yaml': file, 'more.yaml': 'forwards:\n  ssh: -D 18081 acme.example.com\n' })
    for (const args of [
      ['-f', 'other.yaml', '-f', 'more.yaml', '--json', 'config'],
      ['config', '--file', 'other.yaml', '-f', 'more.yaml', '--json'],
      ['-f', 'other.yaml', 'config', '--json', '-f', 'more.yaml'],
    ]) {
      const config = await cli.run(args)
      expect(Object.keys(JSON.parse(config.stdout).forwards)).toEqual(['web', 'ssh'])
    }
  })

  test('the environment says what the options do not', async () => {
    const profiled = `${file}  dev:\n    via: acme.example.com\n    dynamic: 18081\n    profiles: [dev]\n`
    const cli = project({ 'there/other.yaml': profiled })
    const plan = async (env: Record<string, string>, args: string[] = []) => {
      const result = await cli.run([...args, 'plan', '--json'], {
        env: { TUNNELS_FILE: 'there/other.yaml', ...env },
      })
      return JSON.parse(result.stdout)
    }
    expect((await plan({})).summary.open).toBe(2)
    expect((await plan({ TUNNELS_PROFILES: 'dev' })).summary.open).toBe(3)
    expect((await plan({ TUNNELS_PROFILES: 'dev' }, ['--profile', 'none'])).summary.open).toBe(2)
    expect((await plan({ TUNNELS_PROJECT_NAME: 'other' })).project).toBe('other')
  })
})

describe('what it prints', () => {
  test('a pipe sees no colours unless they are forced, and NO_COLOR and --no-color hold', async () => {
    const cli = project({ 'tunnels.yaml': file })
    expect((await cli.run(['plan'])).stdout).not.toContain('\x1b')
    expect((await cli.run(['plan'], { env: { FORCE_COLOR: '1' } })).stdout).toContain('\x1b[32m+')
    expect((await cli.run(['plan', '--no-color'], { env: { FORCE_COLOR: '1' } })).stdout).not.toContain(
      '\x1b',
    )
    expect((await cli.run(['--no-color', 'plan'], { env: { FORCE_COLOR: '1' } })).stdout).not.toContain(
      '\x1b',
    )
    expect((await cli.run(['plan'], { env: { NO_COLOR: '1' } })).stdout).not.toContain('\x1b')
  })

  test('validate says nothing when all is well, and where when it is not', async () => {
    const cli = project({ 'tunnels.yaml': file })
    expect(await cli.run(['validate'])).toMatchObject({ code: 0, stdout: '' })
    const wide = 'hosts: { idle: }\nforwards: { web: -L 18080:localhost:80 acme }\n'
    cli.write('tunnels.yaml', wide)
    const warned = await cli.run(['validate'])
    expect(warned).toMatchObject({ code: 0, stdout: '' })
    expect(warned.stderr).toMatch(/warning: [\s\S]*idle[\s\S]*CONFIG_WARNING/)
    expect(await cli.run(['validate', '-q'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
    cli.write('tunnels.yaml', file.replace('18080', '99999'))
    const broken = await cli.run(['validate'])
    expect(broken).toMatchObject({ code: 2, stdout: '' })
    expect(broken.stderr).toMatch(/tunnels\.yaml:2:[\s\S]*\^/)
    expect((await cli.run(['config', '--quiet'])).code).toBe(2)
  })

  test('config prints a file that means the same', async () => {
    const cli = project({ 'tunnels.yaml': file })
    const config = await cli.run(['config'])
    cli.write('again.yaml', config.stdout)
    expect((await cli.run(['-f', 'again.yaml', 'config'])).stdout).toBe(config.stdout)
  })

  test('schema prints the schema', async () => {
    const schema = JSON.parse((await project({}).run(['schema'])).stdout)
    expect(schema.$schema).toBe('http://json-schema.org/draft-07/schema#')
  })
})

test('a long answer arrives whole, however slowly it is read', async () => {
  const forwards = Array.from(
    { length: 1_000 },
    (_, i) => `  f${i}: -L ${18_000 + i}:localhost:80 acme.example.com`,
  )
  const cli = project({ 'tunnels.yaml': `forwards:\n${forwards.join('\n')}\n` })
  // A pipe of the shell's: one that Node makes is a socket, which has room for all of it.
  const script = '"$0" "$1" config --json 2>/dev/null | { sleep 0.3; cat; }'
  const { stdout: text } = await execa('sh', ['-c', script, process.execPath, MAIN], { cwd: cli.folder })
  expect(text.length).toBeGreaterThan(100_000)
  expect(Object.keys(JSON.parse(text).forwards)).toHaveLength(1_000)
})

test('no file at all is 2 where one is needed, and 3 where something should run', async () => {
  const cli = project({})
  expect((await cli.run(['up', '-d'])).code).toBe(2)
  expect((await cli.run(['plan'])).code).toBe(2)
  expect((await cli.run(['status'])).code).toBe(3)
  expect((await cli.run(['restart'])).code).toBe(3)
  expect((await cli.run(['reload'])).code).toBe(3)
  expect((await cli.run(['down'])).code).toBe(0)
})

test('status and down load no parser, no SSH, no validator and no progress', () => {
  const first = chunkOf(readFileSync(MAIN, 'utf8'), 'status')
  expect(packagesOf(first)).toEqual(['@noble/hashes', 'commander'])
  expect(packagesOf(chunkOf(readFileSync(first, 'utf8'), 'down'))).toEqual(['@noble/hashes', 'commander'])
})

/** The file that this code loads when the verb is asked for. */
function chunkOf(code: string, verb: string): string {
  const name = new RegExp(`import\\("\\./(?:chunks/)?(${verb}-[^"]+)"\\)`).exec(code)![1]!
  return join(dirname(MAIN), 'chunks', name)
}

function packagesOf(path: string): string[] {
  return [...packagesFrom(path)].filter((name) => !name.startsWith('node:')).sort()
}

/** The packages in a chunk and in all that it imports at once, and what they import from elsewhere. */
function packagesFrom(path: string, seen = new Set<string>()): Set<string> {
  const found = new Set<string>()
  if (seen.has(path)) return found
  seen.add(path)
  for (const source of sourcesOf(path)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1]
    if (name) found.add(name)
  }
  for (const [, name] of readFileSync(path, 'utf8').matchAll(
    /^(?:import|export)\s[^;'"]*?["']([^"']+)["']/gm,
  )) {
    if (!name!.startsWith('.')) found.add(name!)
    else for (const inner of packagesFrom(join(dirname(path), name!), seen)) found.add(inner)
  }
  return found
}

/** None for what the bundler adds of its own. */
function sourcesOf(path: string): string[] {
  const map = `${path}.map`
  return existsSync(map) ? (JSON.parse(readFileSync(map, 'utf8')) as { sources: string[] }).sources : []
}

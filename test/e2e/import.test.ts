// What people have typed for years goes into a file (`import`, `init`), and comes out of it again (`export ssh`): with the
// built binary, and with ssh itself running what was exported.

import { spawn } from 'node:child_process'
import { chmodSync, lstatSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, test } from 'vitest'
import { formatShellWords } from '../../src/export/shell-words.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { type CliProject, hostYaml, MAIN, project } from '../helpers/cli.ts'
import { curl, exchange } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { hasTerminals, onTerminal } from '../helpers/pty.ts'
import { sampleOf } from '../helpers/sample.ts'
import { startEcho, startHttp } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { expectSchema } from './json-schemas.ts'

const read = (cli: CliProject, name: string) => readFileSync(join(cli.folder, name), 'utf8')

describe('import', () => {
  test('prints what the file is to have, and names what it cannot have', async () => {
    const cli = project({})
    const words = 'ssh -A -NfL 5432:db:5432 -L 8080:zaiste.net:80 -p 2222 -i ~/.ssh/k me@acme uptime'
    const one = await cli.run(['import', words])
    expect(one.stdout).toBe(
      'hosts:\n  acme:\n    user: me\n    port: 2222\n    identity_file: ~/.ssh/k\n' +
        'forwards:\n  postgres: -L 5432:db:5432 acme\n  web: -L 8080:zaiste.net:80 acme\n',
    )
    expect(one.code).toBe(0)
    expect(one.stderr).toMatch(/-A has no counterpart.*\n\n.*command that begins with uptime/)
    const many = await cli.run(['import', '--json', '--', ...words.split(' ')])
    const answer = JSON.parse(many.stdout)
    expectSchema('import', answer)
    expect(answer).toMatchObject({
      written: null,
      warnings: [/-A/, /uptime/].map((part) => expect.stringMatching(part)),
    })
    const bare = await cli.run(['import', 'ssh', '-L', '1:b:2', 'c'])
    expect(bare).toMatchObject({ code: 2, stdout: '' })
    expect(bare.stderr).toContain('in quotes, or behind --')
  })

  test('--from-ssh-config takes the forwards that ssh -G tells, of every name in the file and its Includes', async () => {
    const cli = project({})
    cli.write('.home/.ssh/conf.d/one', 'Host shop\n  LocalForward 9000 localhost:5432\n  HostName 10.0.0.7\n')
    cli.write(
      '.home/.ssh/config',
      'Include conf.d/*\nHost acme !no *.example.com plain\n  User me\nHost acme\n  LocalForward /tmp/a:b.sock /run/c.sock\n'.replace(
        '/tmp/a:b.sock',
        '/tmp/a.sock',
      ) +
        '  LocalForward 127.0.0.1:9000 [::1]:80\n  RemoteForward 1080\n  DynamicForward *:1081\n  GatewayPorts no\n',
    )
    const all = await cli.run(['import', '--from-ssh-config', '--json'])
    expect(all.code, all.stderr).toBe(0)
    expect(JSON.parse(all.stdout)).toMatchObject({
      hosts: {},
      forwards: {
        postgres: '-L 9000:localhost:5432 shop',
        c: '-L /tmp/a.sock:/run/c.sock acme',
        web: { via: 'acme', local: '127.0.0.1:9000', to: '[::1]:80', profiles: ['acme'] },
        'remote-socks': '-R 1080 acme',
        socks: '-D *:1081 acme',
      },
    })
    const one = await cli.run(['import', '--from-ssh-config', 'shop'])
    expect(one.stdout).toBe('forwards:\n  postgres: -L 9000:localhost:5432 shop\n')
    expect(await cli.run(['import', '--from-ssh-config', 'plain'])).toMatchObject({ code: 2, stdout: '' })
  })
})

describe('import --write', () => {
  const before = `# shop's tunnels\nname: shop\n\nhosts:\n    acme: &acme   # mine\n        user:  me\n\nforwards:\n    web:  "-L 8080:zaiste.net:80 acme"   # 8080\n    # the end\n`

  test('adds lines and touches nothing else, behind a link, with the permissions that were there', async () => {
    const cli = project({ 'real/shared.yaml': before })
    chmodSync(join(cli.folder, 'real/shared.yaml'), 0o640)
    symlinkSync('real/shared.yaml', join(cli.folder, 'tunnels.yaml'))
    // Left behind by one that was killed: the highest number that a process can have is nobody's here.
    symlinkSync('4194304', join(cli.folder, 'real/.shared.yaml.lock'))
    const words = ['import', '--write', 'ssh -L 8081:zaiste.net:80 -R 7000:./web.sock -i k acme']
    const { code, stderr } = await cli.run(words)
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/The host acme is another one.*acme-2[\s\S]*The name web is taken: it is web-2/)
    expect(read(cli, 'real/shared.yaml')).toBe(
      before
        .replace('user:  me\n', 'user:  me\n    acme-2:\n      hostname: acme\n      identity_file: k\n')
        .replace(
          '# 8080\n',
          '# 8080\n    web-2: -L 8081:zaiste.net:80 acme-2\n    remote-web: -R 7000:./web.sock acme-2\n',
        ),
    )
    expect(lstatSync(join(cli.folder, 'tunnels.yaml')).isSymbolicLink()).toBe(true)
    expect(statSync(join(cli.folder, 'real/shared.yaml')).mode & 0o777).toBe(0o640)
    expect(readdirSync(join(cli.folder, 'real'))).toEqual(['shared.yaml'])
    // What was written is agreed to, and what is there already is not added again.
    expect(JSON.parse((await cli.run(['trust', '--json'])).stdout)).toMatchObject({
      trusted: [{ kind: 'remote' }],
      waiting: [],
    })
    const again = await cli.run([...words, '--json'])
    expect(JSON.parse(again.stdout)).toMatchObject({ written: null, forwards: {}, hosts: {} })
  })

  test('begins a file that has no forwards yet: an empty one, comments, hosts alone', async () => {
    const cli = project({})
    const forwards = 'forwards:\n  web: -L 8080:b:80 acme\n'
    for (const [before, gap] of [
      ['', ''],
      ['# ours\n', '\n'],
      ['name: shop\nhosts:\n  acme: me@acme:2222 # why\n', '\n'],
    ]) {
      cli.write('tunnels.yaml', before!)
      const { code, stderr } = await cli.run(['import', '--write', 'ssh -L 8080:b:80 acme'])
      expect(code, stderr).toBe(0)
      expect(read(cli, 'tunnels.yaml')).toBe(`${before}${gap}${forwards}`)
    }
    cli.write('tunnels.yaml', 'name: No\n')
    const wrong = await cli.run(['import', '--write', 'ssh -L 8080:b:80 acme'])
    expect([wrong.code, read(cli, 'tunnels.yaml')]).toEqual([2, 'name: No\n'])
  })

  test('trusts what it writes, and nothing that was there before', async () => {
    const cli = project({
      'tunnels.yaml': 'forwards:\n  theirs: -R 7000:localhost:3000 box\n  all: -L *:7001:b:1 box\n',
    })
    await cli.run(['import', '--write', 'ssh -R 7002:localhost:3000 -o ProxyCommand=mine other'])
    const { trusted, waiting } = JSON.parse((await cli.run(['trust', '--json'])).stdout)
    const paths = (parts: { path: string }[]) => parts.map(({ path }) => path).sort()
    expect(paths(trusted)).toEqual(['forwards.remote-3000.remote', 'hosts.other.proxy_command'])
    expect(paths(waiting)).toEqual(['forwards.all.local', 'forwards.theirs.remote'])
  })

  test('is refused with the place of what is wrong, and then nothing is written', async () => {
    const cli = project({ 'tunnels.yaml': before })
    const clash = await cli.run(['import', '--write', 'ssh -L 8080:other:80 acme'])
    expect(clash.code).toBe(2)
    expect(clash.stderr).toMatch(/listens on 8080, where forwards.web[\s\S]*tunnels\.yaml:10:/)
    expect(read(cli, 'tunnels.yaml')).toBe(before)
    cli.write('tunnels.yaml', `${before}forwrads: x\n`)
    const broken = await cli.run(['import', '--write', 'ssh -D 1080 acme'])
    expect(broken.code).toBe(2)
    expect(broken.stderr).toContain('tunnels.yaml:11:1')
    cli.write('tunnels.yaml', before)
    chmodSync(join(cli.folder, 'tunnels.yaml'), 0o444)
    expect(await cli.run(['import', '--write', 'ssh -D 1080 acme'])).toMatchObject({ code: 2, stdout: '' })
    chmodSync(join(cli.folder, 'tunnels.yaml'), 0o644)
    expect(read(cli, 'tunnels.yaml')).toBe(before)
    expect(readdirSync(cli.folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
    const full = `${before}# ${'x'.repeat(256 * 1024 - before.length - 20)}\n`
    cli.write('tunnels.yaml', full)
    const big = await cli.run(['import', '--write', 'ssh -D 1080 acme'])
    expect(big.stderr).toContain('larger than 256 KiB')
    expect(read(cli, 'tunnels.yaml')).toBe(full)
    const unset = before.replace('me\n', '${NOBODY_SET_THIS}\n')
    cli.write('tunnels.yaml', unset)
    expect((await cli.run(['import', '--write', 'ssh -D 1080 other'])).code).toBe(0)
    expect(read(cli, 'tunnels.yaml')).toContain('socks: -D 1080 other')
  })

  test('a supervisor that follows the file opens what was added, without asking; four at once lose nothing', async () => {
    const [sshd, echo, ports] = [await startSshd(), await startEcho(), await freePorts(6)]
    const [first, ...more] = ports
    const file = `hosts:\n  box: ${hostYaml(sshd)}\nforwards:\n  first: -L ${first}:127.0.0.1:${echo.port} box\n`
    const cli = project({ 'tunnels.yaml': file })
    await cli.up()
    await Promise.all(
      more
        .slice(0, 4)
        .map((port) => cli.run(['import', '--write', `ssh -L ${port}:127.0.0.1:${echo.port} box`])),
    )
    await cli.run(['import', '--write', `ssh -R ${more[4]}:127.0.0.1:${echo.port} box`])
    await eventually(async () => {
      const { config, forwards } = await cli.status()
      expect(config.state).toBe('current')
      expect(forwards.map(({ state }) => state)).toEqual(Array(6).fill('open'))
    })
    for (const port of ports) expect((await exchange(port, 'hello')).toString()).toBe('hello')
  })
})

describe('init', () => {
  test('writes a file that is right and can be added to, with a schema line that leads somewhere', async () => {
    const cli = project({})
    const { code, stdout, stderr } = await cli.run(['init'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toContain('Wrote tunnels.yaml')
    const text = read(cli, 'tunnels.yaml')
    const [, schema] = /^# yaml-language-server: \$schema=(.*)\n/.exec(text) ?? []
    expect(JSON.parse(read(cli, schema!)).title).toBeTruthy()
    expect(await cli.run(['validate'])).toMatchObject({ code: 0, stderr: '' })
    expect(await cli.run(['up', '-d'])).toMatchObject({
      code: 0,
      stderr: 'No forwards: the file has none, or none that is selected\n',
    })
    // Each example in it is right, too.
    const examples = text
      .replaceAll(/^( *)# (?!yaml-)(?= *([a-z-]+:| {2}))/gm, '$1')
      .replace(/^ *(What|The|A) .*/gm, '#')
    const shown = await cli.run(['config', '-f', '-', '--json'], { input: examples })
    expect(shown.code, `${shown.stderr}\n${examples}`).toBe(0)
    expect(Object.keys(JSON.parse(shown.stdout).forwards)).toEqual(['web', 'postgres', 'webhook', 'browse'])
    const again = await cli.run(['init'])
    expect(again).toMatchObject({ code: 2, stdout: '' })
    expect((await cli.run(['import', '--write', 'ssh -D 1080 acme'])).code).toBe(0)
    expect(read(cli, 'tunnels.yaml').replace('  socks: -D 1080 acme\n', '')).toBe(text)
    rmSync(join(cli.folder, 'tunnels.yaml'))
    symlinkSync('nowhere', join(cli.folder, 'tunnels.yaml'))
    expect(await cli.run(['init'])).toMatchObject({ code: 2, stdout: '' })
    expect(lstatSync(join(cli.folder, 'tunnels.yaml')).isSymbolicLink()).toBe(true)
  })

  test.runIf(hasTerminals)(
    'on a terminal it begins with what one would type, and is trusted with it',
    async () => {
      const cli = project({})
      const terminal = await onTerminal(cli, ['init'])
      await eventually(() => terminal.output().includes('Enter: none'))
      terminal.type('ls\r')
      await eventually(() => /ls is not ssh[\s\S]*Enter: none/.test(terminal.output()))
      terminal.type('ssh -R 8080:localhost:80 me@acme\r')
      expect(await terminal.ended).toBe(0)
      expect(read(cli, 'tunnels.yaml')).toContain(
        'forwards:\n  remote-web: -R 8080:localhost:80 me@acme\n  # What you',
      )
      expect(JSON.parse((await cli.run(['trust', '--json'])).stdout)).toMatchObject({
        waiting: [],
        trusted: [{}],
      })
    },
  )
})

describe('export ssh', () => {
  /** Runs an exported line as a shell would, until the test is over. */
  function paste(line: string, folder: string): void {
    const child = spawn('sh', ['-c', line], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    atEnd(() => {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
    })
  }

  const keyOf = (sshd: Sshd) => sshd.hostPublicKeys[0]!.split(' ').slice(0, 2).join(' ')

  test('the lines are run by ssh and carry: L, R, D, Unix sockets, pinned keys, and hosts on the way', async () => {
    const [box, inner, deep, echo, web] = await Promise.all([
      startSshd(),
      startSshd(),
      startSshd(),
      startEcho(),
      startHttp(() => 'web'),
    ])
    const [local, remote, dynamic, behind] = (await freePorts(4)) as [number, number, number, number]
    const cli = project({})
    const far = await startEcho({ path: join(cli.folder, 'far.sock') })
    const unpinned = { host_keys: undefined, ssh_config: true, server_alive_interval: '15s' }
    const hosts = {
      box: JSON.parse(hostYaml(box, { host_keys: [keyOf(box)] })),
      inner: JSON.parse(hostYaml(inner, { host_keys: [keyOf(inner), keyOf(box)], proxy_jump: 'box' })),
      // Everything on the way has keys and options of its own, so that none of it fits into a -J.
      deep: JSON.parse(
        hostYaml(deep, { ...unpinned, user_known_hosts_file: deep.knownHostsFile, proxy_jump: 'inner' }),
      ),
    }
    const forwards = {
      local: {
        via: 'box',
        local,
        to: `127.0.0.1:${echo.port}`,
        allow_from: ['127.0.0.1'],
        healthcheck: { type: 'connect' },
      },
      remote: { via: 'box', remote, to: `127.0.0.1:${echo.port}` },
      dynamic: { via: 'box', dynamic },
      socket: { via: 'box', local: "./run/it's: 100% of.sock", to: far.path },
      behind: { via: 'deep', local: behind, to: `127.0.0.1:${echo.port}` },
      other: { via: 'box', local: 'auto', to: 1, profiles: ['other'] },
    }
    cli.write('tunnels.yaml', JSON.stringify({ hosts, forwards }))
    cli.write('run/.keep', '')
    const { stdout, code, stderr } = await cli.run(['export', 'ssh'])
    expect(code, stderr).toBe(0)
    const lines = stdout.split('\n').filter(Boolean)
    expect(lines.filter((line) => line.startsWith('#'))).toEqual([
      '# local: no allow_from, with ssh whoever reaches the listener may use it',
      '# local: no healthcheck',
    ])
    const commands = lines.filter((line) => !line.startsWith('#'))
    expect(commands).toHaveLength(2)
    const json = JSON.parse((await cli.run(['export', 'ssh', '--json'])).stdout)
    expectSchema('export', json)
    expect(json.commands.map(({ argv }: { argv: string[] }) => formatShellWords(argv))).toEqual(commands)
    for (const command of commands) paste(command, cli.folder)
    await eventually(async () => {
      for (const to of [local, remote, behind, join(cli.folder, "run/it's: 100% of.sock")])
        expect((await exchange(to, 'hello')).toString()).toBe('hello')
      const got = await curl('--socks5-hostname', `127.0.0.1:${dynamic}`, `http://localhost:${web.port}/`)
      expect(got.stdout).toBe('web')
    })
    expect([box.logins(), inner.logins(), deep.logins()]).toEqual([2, 1, 1])
    expect(await cli.run(['export', 'nothing'])).toMatchObject({ code: 2, stdout: '' })
  })

  test('a key that is not the pinned one lets nobody in', async () => {
    const [box, other, local] = [await startSshd(), await startSshd(), await freePort()]
    const host = hostYaml(box, { host_keys: [keyOf(other)] })
    const cli = project({
      'tunnels.yaml': `hosts:\n  box: ${host}\nforwards:\n  x: { via: box, local: ${local}, to: 1 }\n`,
    })
    const { stdout } = await cli.run(['export', 'ssh'])
    const ran = await execa('sh', ['-c', stdout], { reject: false, timeout: 30_000 })
    expect(ran.exitCode).toBe(255)
    expect(box.logins()).toBe(0)
  })

  test('each word is one word again in each shell that it is pasted into', async () => {
    const words = [
      "it's",
      '\\',
      'a\\\\b',
      "\\'\\",
      'c\\',
      '$X `id` $(id) "q" !! *?[x] ~ #y',
      '=z',
      '~',
      '',
      'é\u202e',
    ]
    for (const shell of ['sh', 'bash', 'zsh', 'fish']) {
      const line = `printf '%s|' ${formatShellWords(words)}`
      const { stdout } = await execa(shell, ['-c', line], { env: { HOME: '/nowhere' } })
      expect(stdout, shell).toBe(words.map((word) => `${word}|`).join(''))
    }
  })

  test('import | export gives the line back, through a real pipe, also where there is a file', async () => {
    const cli = project({ 'tunnels.yaml': 'forwards: {}\n' })
    const lines = [
      'ssh -N -o ExitOnForwardFailure=yes -L 8080:zaiste.net:80 -L 127.0.0.1:4000:127.0.0.1:3306 acme',
      "ssh -N -o ExitOnForwardFailure=yes -p 80 -R '*:8001:localhost:8000' -R 1080 user@7.7.7.7",
      'ssh -N -o ExitOnForwardFailure=yes -J bastion,me@inner:2222 -D 1080 acme',
      "ssh -N -o ExitOnForwardFailure=yes -i '/k e y' -o 'ProxyCommand=nc %h %p; echo \"$X\" '\\''q'\\''' -L '[::1]:1:[::2]:2' ::1",
    ]
    for (const line of sampleOf(lines, 2)) {
      const script = `"$NODE" "$MAIN" import "$LINE" | "$NODE" "$MAIN" export ssh`
      const env = { ...cli.env, NODE: process.execPath, MAIN, LINE: line }
      const { stdout } = await execa('sh', ['-c', script], { cwd: cli.folder, env })
      expect(stdout).toBe(line)
    }
    // A pipe without anything in it is no file.
    const script = `: | "$NODE" "$MAIN" export ssh`
    const { stdout } = await execa('sh', ['-c', script], {
      cwd: cli.folder,
      env: { ...cli.env, NODE: process.execPath, MAIN },
    })
    expect(stdout).toBe('')
  })
})

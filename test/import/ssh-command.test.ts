// What is read out of an ssh command line, what is said of the rest, and that nothing in it becomes more than it is.

import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadProject } from '../../src/config/load.ts'
import type { PlainMap } from '../../src/config/tree.ts'
import { type Beside, formatDraft, makeDraft, NOTHING_BESIDE } from '../../src/import/draft.ts'
import { readSshCommand } from '../../src/import/ssh-command.ts'
import { ProblemError } from '../../src/model/problem.ts'

function draftOf(words: string | string[], beside: Partial<Beside> = {}) {
  return makeDraft([readSshCommand([words].flat())], { ...NOTHING_BESIDE, ...beside })
}

function refusal(words: string | string[]): string {
  try {
    draftOf(words)
  } catch (error) {
    if (error instanceof ProblemError) return error.problems[0]!.summary
    throw error
  }
  return ''
}

describe('options', () => {
  test('each that means nothing here goes without a word, each that means something is named', () => {
    const silent = draftOf(
      'ssh -NTnfqvvtyakx -S none -o ExitOnForwardFailure=yes -o LogLevel=DEBUG -o TCPKeepAlive=yes -o ControlMaster=no -L 1:b:2 c',
    )
    expect(silent.warnings).toEqual([])
    const named = draftOf(
      'ssh -AXYKGMs -W a:1 -w 0 -S /s -O check -E /log -e ^ -I /p -Q key -o ForwardAgent=yes -o BatchMode=yes -o "RemoteCommand=x y" -L 1:b:2 c cmd -L 3:d:4',
    )
    expect(named.warnings.map((warning) => warning.replace(/ has no counterpart.*/, ''))).toEqual([
      ...['-A', '-X', '-Y', '-K', '-G', '-M', '-s', '-W a:1', '-w 0', '-S /s', '-O check', '-E /log', '-e ^'],
      ...['-I /p', '-Q key', '-o ForwardAgent=yes', '-o BatchMode=yes', '-o RemoteCommand=x y'],
      'The command that begins with cmd',
    ])
    expect(Object.keys(named.forwards)).toHaveLength(1)
  })

  test('ssh takes what was said first; files add up', () => {
    const draft = draftOf(
      'ssh -p 23 -o Port=24 -l a -i /1 -i /2 -o IdentityFile=/3 -C -o Compression=no -L 1:b:2 me@c',
    )
    expect(draft.hosts).toEqual({
      c: { user: 'a', port: 23, identity_file: ['/1', '/2', '/3'], compression: true },
    })
    expect(draft.warnings).toEqual([
      '-o Port=24 was left out: ssh takes what was said first, 23',
      '-o Compression=no was left out: ssh takes what was said first, true',
      'The user of me@c was left out: ssh takes what was said first, a',
    ])
  })

  test.runIf(existsSync('/etc/services'))('a port may be the name of a service, where ssh takes one', () => {
    const draft = draftOf(
      'ssh -p ssh -L 8080:host:http -L http:db:pop3 -L "*:https:[::1]:www" -R smtp -R 9000:/s -D [::1]:domain c',
    )
    expect(draft.hosts).toEqual({})
    expect(Object.values(draft.forwards)).toEqual([
      '-L 8080:host:80 c:22',
      '-L 80:db:110 c:22',
      '-L *:443:[::1]:80 c:22',
      '-R 25 c:22',
      '-R 9000:/s c:22',
      '-D [::1]:53 c:22',
    ])
    expect(draftOf('ssh -o Port=ssh -L 1:http:2 c').forwards).toEqual({ 'http-2': '-L 1:http:2 c:22' })
    expect(refusal('ssh -p no-such -L 1:b:2 c')).toContain('-p no-such: port must be a port')
  })

  test('what is no ssh command line is refused with the words that are wrong', () => {
    const wrong: [string | string[], string][] = [
      ['scp a b', 'scp is not ssh'],
      ['', 'There is no ssh command line'],
      ['ssh acme', 'It has none of -L, -R and -D'],
      ['ssh -L 1:b:2', 'It has no destination'],
      ['ssh -L', '-L has no argument'],
      ['ssh -L 8080 acme', '-L 8080 must be written'],
      ['ssh -D 1:2:3 acme', '-D 1:2:3 must be written'],
      ['ssh -p 0 -L 1:b:2 c', '-p 0: port must be a port'],
      ['ssh -o Port -L 1:b:2 c', '-o Port is not Keyword=value'],
      ['ssh -l -x -L 1:b:2 c', '-l -x: user must be a user name'],
      ['ssh -L 1:b:2 "a b"', 'The destination a b must be a destination'],
      ['ssh -L 1:b:2 c; rm x', 'The command line is not run by a shell'],
      ['ssh -L 1:b:2 c > log', 'The command line is not run by a shell'],
      ['ssh -L "1:b:2 c', 'The command line has a quote'],
      ['ssh -o StreamLocalBindMask=999 -L 1:b:2 c', '-o StreamLocalBindMask=999 is not octal digits'],
    ]
    for (const [words, said] of wrong) expect(refusal(words), String(words)).toContain(said)
  })

  test('what ssh itself, or a shell, would have filled in is taken as it stands and said', () => {
    const draft = draftOf('ssh -i $HOME/k -L /tmp/%h.sock:/x -L /tmp/%%:/y -o CertificateFile=${X}/c c')
    expect(draft.warnings).toEqual([
      '$HOME was not filled in by a shell and is taken as it stands',
      '${X}, which ssh would fill in, is taken as it stands',
      '%h, which ssh would fill in, is taken as it stands',
    ])
    expect(draft.hosts).toEqual({ c: { identity_file: '$$HOME/k', certificate_file: '$${X}/c' } })
    expect(draft.forwards).toEqual({ x: '-L /tmp/%h.sock:/x c', y: '-L /tmp/%:/y c' })
  })
})

describe('names', () => {
  test('say what a forward leads to, and a number what is left', () => {
    const draft = draftOf(
      'ssh -L 1:db:5432 -L 2:db2:5432 -L 3:h:6379 -L 4:app.internal:4000 -L 5:127.0.0.1:4001 -L 6:/run/docker.sock -D 7 -R 8:localhost:3000 -R 9 -R 10:x:22 -L 11:x-y:1 -L /a:/- c',
    )
    expect(Object.keys(draft.forwards)).toEqual([
      ...['postgres', 'postgres-2', 'redis', 'app-4000', 'port-4001', 'docker', 'socks'],
      ...['remote-3000', 'remote-socks', 'remote-ssh', 'local-forward', 'a'],
    ])
  })

  test('no number makes a name one that the file ignores', () => {
    expect(Object.keys(draftOf('ssh -L /a:/x -L /b:/x -L /c:/X c').forwards)).toEqual(['x', 'x2', 'X'])
  })

  test('those that are taken get a number, and that is said; a host that is the same is used again', () => {
    const hosts = new Map<string, PlainMap>([['c', { port: 23 }]])
    const forwards = new Set(['web'])
    const other = draftOf('ssh -i /k -L 1:b:80 c', { hosts, forwards })
    expect(other).toMatchObject({
      hosts: { 'c-2': { hostname: 'c', identity_file: '/k' } },
      forwards: { 'web-2': '-L 1:b:80 c-2' },
    })
    expect(other.notes).toEqual([
      'The host c is another one in the file: it is c-2 here',
      'The name web is taken: it is web-2 here',
    ])
    expect(
      draftOf('ssh -C -p 23 -L 1:b:80 c', { hosts: new Map([['c', { port: 23, compression: true }]]) }),
    ).toMatchObject({
      hosts: {},
      forwards: { web: '-L 1:b:80 c' },
    })
    expect(draftOf('ssh -L 1:b:80 c', { hosts })).toMatchObject({
      hosts: {},
      notes: ['c is a host of the file, and what stands there counts'],
    })
    // One letter from a host of the file: undeclared it would be taken for a slip.
    expect(draftOf('ssh -L 1:b:80 acmd', { hosts: new Map([['acme', {}]]) })).toMatchObject({
      hosts: { acmd: {} },
    })
  })

  test('a host that no name can be has one, and its address', () => {
    expect(draftOf('ssh -C -L 1:b:2 ::1')).toMatchObject({
      hosts: { 'host-1': { hostname: '::1' } },
      forwards: { 'b-2': '-L 1:b:2 host-1' },
    })
    expect(draftOf('ssh -C -L 1:b:2 x-ray').hosts).toEqual({
      'host-x-ray': { hostname: 'x-ray', compression: true },
    })
  })
})

describe('nothing that was typed becomes a variable, a key or a line of its own', () => {
  const HOSTILE: [string[], string][] = [
    [['-L', '/tmp/$EVIL/x.sock:/run/x'], '/tmp/$EVIL/x.sock'],
    [
      ['-L', '/tmp/a b #c/&d *e !f %g @h `i` "j" \'k\'.sock:/run/x'],
      '/tmp/a b #c/&d *e !f %g @h `i` "j" \'k\'.sock',
    ],
    [['-L', "/tmp/- x\\:y's.sock:/run/x"], "/tmp/- x:y's.sock"],
    [
      ['-o', 'ProxyCommand=nc %h; echo $(id) `id` "$EVIL" # y: z', '-L', '1:b:2'],
      'nc %h; echo $(id) `id` "$EVIL" # y: z',
    ],
    [['-i', '/k: v # {a: *b} "$EVIL" ${EVIL:-x} $$', '-L', '1:b:2'], '/k: v # {a: *b} "$EVIL" ${EVIL:-x} $$'],
    [['-o', 'UserKnownHostsFile=/${EVIL}', '-L', '1:b:2'], '/${EVIL}'],
    [['-o', 'IdentityAgent=$EVIL', '-L', '1:b:2'], '$EVIL'],
    [['-l', 'null', '-i', '/k', '-L', '1:b:2'], 'null'],
  ]

  test.each(HOSTILE)('%j', async (words, literal) => {
    const text = formatDraft(draftOf(['ssh', ...words, 'acme']))
    const { project, problems } = await loadProject({
      files: ['-'],
      env: { EVIL: 'evil', HOME: '/home/me' },
      cwd: '/',
      profiles: [],
      names: null,
      texts: new Map([['-', text]]),
    })
    expect(
      problems.filter(({ severity }) => severity !== 'warning'),
      text,
    ).toEqual([])
    const said = JSON.stringify([[...project!.hosts.values()], [...project!.forwards.values()]])
    expect(said).toContain(JSON.stringify(literal).slice(1, -1))
    expect(said).not.toContain('evil')
    expect(project!.variables).toEqual(literal === '$EVIL' ? ['EVIL'] : [])
    expect(project!.forwards.size).toBe(1)
  })

  test('line ends and control characters are refused, wherever they stand', async () => {
    for (const words of [
      ['-i', 'a\nb: c', '-L', '1:b:2', 'acme'],
      ['-L', '1:b:2', 'acme\n'],
      ['-L', '1:b:2', '-l', 'a\u0007', 'acme'],
    ])
      expect(refusal(['ssh', ...words]), JSON.stringify(words)).not.toBe('')
    for (const argument of ['1:a\nforwards: {}:2', '/tmp/a\nb:/c', '1:\u001b[2J:2']) {
      const text = formatDraft(draftOf(['ssh', '-L', argument, 'acme']))
      const { project } = await loadProject({
        files: ['-'],
        env: {},
        cwd: '/',
        profiles: [],
        names: null,
        texts: new Map([['-', text]]),
      })
      expect(project, text).toBeNull()
    }
  })
})

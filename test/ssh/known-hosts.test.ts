// Each shape of known_hosts is put to ssh itself and to us, against the same server, under each way of checking: the
// verdicts must be equal, and what stands in the file afterwards, too.

import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect as netConnect } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { problemOf } from '../../src/model/problem.ts'
import type { WantedHost } from '../../src/model/wanted.ts'
import { connect } from '../../src/ssh/connect.ts'
import { judge, lookupNames, matchesHost, parseKnownHosts } from '../../src/ssh/known-hosts.ts'
import { type TestFolder, testFolder } from '../helpers/folder.ts'
import { sampleOf } from '../helpers/sample.ts'
import { makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'
import { hostFor, NEVER } from './support.ts'

/** `added`: taken as new. */
type Verdict = 'known' | 'added' | 'unknown' | 'changed' | 'revoked'

interface Outcome {
  verdict: Verdict
  /** The user's first file afterwards. */
  file: string
}

const checkings = ['yes', 'accept-new', 'no'] as const
type Checking = (typeof checkings)[number]

interface Keys {
  ed: string
  rsa: string
  ec: string
  wrongEd: string
  wrongRsa: string
}

interface Shape {
  /** Default: example.test:22 of a server with three kinds of keys, no alias. */
  host?: string
  port?: number
  alias?: string
  server?: 'ed25519 alone'
  algorithms?: string
  /** The user's file, then more files of the user. */
  text: (keys: Keys) => string
  more?: (keys: Keys) => string
}

const H = 'example.test'
const P = '[example.test]:2222'

const shapes: Record<string, Shape> = {
  'an empty file': { text: () => '' },
  'only comments and blanks': { text: () => '# nothing\n\n   \n\t\n' },
  'the plain name': { text: ({ ed }) => `${H} ${ed}\n` },
  'no final newline': { text: ({ ed }) => `${H} ${ed}` },
  'another name': { text: ({ ed }) => `other.test ${ed}\n` },
  'the wrong key': { text: ({ wrongEd }) => `${H} ${wrongEd}\n` },
  'wrong, then right of one type': { text: ({ ed, wrongEd }) => `${H} ${wrongEd}\n${H} ${ed}\n` },
  'right, then wrong of one type': { text: ({ ed, wrongEd }) => `${H} ${ed}\n${H} ${wrongEd}\n` },
  'right RSA, wrong ed25519': { text: ({ rsa, wrongEd }) => `${H} ${rsa}\n${H} ${wrongEd}\n` },
  'wrong RSA, right ed25519': { text: ({ ed, wrongRsa }) => `${H} ${wrongRsa}\n${H} ${ed}\n` },
  'only RSA known of several': { text: ({ rsa }) => `${H} ${rsa}\n` },
  'only ECDSA known of several': { text: ({ ec }) => `${H} ${ec}\n` },
  'only RSA known, server has none': { server: 'ed25519 alone', text: ({ rsa }) => `${H} ${rsa}\n` },
  'only RSA asked for, ed25519 known': { algorithms: 'rsa-sha2-512', text: ({ ed }) => `${H} ${ed}\n` },
  'a comment after the key': { text: ({ ed }) => `${H} ${ed} # mine\n` },
  'blanks before the name': { text: ({ ed }) => ` \t ${H} ${ed}\n` },
  'tabs between the fields': { text: ({ ed }) => `${H}\t${ed.replace(' ', '\t')}\n` },
  'several blanks between the fields': { text: ({ ed }) => `${H}   ${ed.replace(' ', '   ')}\n` },
  'carriage returns': { text: ({ ed }) => `# x\r\n${H} ${bare(ed)}\r\n` },
  'carriage returns, and revoked': { text: ({ ed }) => `${H} ${ed}\r\n@revoked * ${ed}\r\n` },
  'revoked, with a comment of two lines': { text: ({ ed }) => `${H} ${ed}\n@revoked ${H} ${ed} a\u2028b\n` },
  'revoked, and a NUL': { text: ({ ed }) => `${H} ${ed}\n@revoked ${H} ${ed}\u0000\n` },
  'a NUL within': { text: ({ ed }) => `${H} ${ed}\u0000 and more\n` },
  'white space that is none to ssh': { text: ({ ed }) => `${H} ${bare(ed)}\u00a0\n` },
  'white space within the key': { text: ({ ed }) => `${H} ${bare(ed).replace('AAAA', 'AA\vAA')}\n` },
  'a commented line': { text: ({ ed }) => `#${H} ${ed}\n` },
  'capitals on file': { text: ({ ed }) => `EXAMPLE.Test ${ed}\n` },
  'capitals asked': { host: 'Example.TEST', text: ({ ed }) => `${H} ${ed}\n` },
  'a list of names': { text: ({ ed }) => `a.test,${H},b.test ${ed}\n` },
  'a list with a blank in it': { text: ({ ed }) => `a.test, ${H} ${ed}\n` },
  'an empty name in the list': { text: ({ ed }) => `,${H} ${ed}\n` },
  'a star': { text: ({ ed }) => `*.test ${ed}\n` },
  'a star alone': { text: ({ ed }) => `* ${ed}\n` },
  'a star that spans dots': { host: 'a.b.test', text: ({ ed }) => `a*test ${ed}\n` },
  'several stars': { text: ({ ed }) => `e*a*p*t ${ed}\n` },
  'a question mark': { text: ({ ed }) => `exampl?.test ${ed}\n` },
  'a question mark too many': { text: ({ ed }) => `example?.test ${ed}\n` },
  'a star that does not fit': { text: ({ ed }) => `*.tes ${ed}\n` },
  'negated after a star': { text: ({ ed }) => `*.test,!${H} ${ed}\n` },
  'negated before a star': { text: ({ ed }) => `!${H},*.test ${ed}\n` },
  'negated alone': { text: ({ ed }) => `!other.test ${ed}\n` },
  'negated pattern of another': { text: ({ ed }) => `*.test,!o* ${ed}\n` },
  'negated, but another line': { text: ({ ed }) => `!${H},* ${ed}\n${H} ${ed}\n` },
  hashed: { text: ({ ed }) => `${hash(H)} ${ed}\n` },
  'hashed, capitals asked': { host: 'EXAMPLE.test', text: ({ ed }) => `${hash(H)} ${ed}\n` },
  'hashed in capitals': { text: ({ ed }) => `${hash('EXAMPLE.test')} ${ed}\n` },
  'hashed, another name': { text: ({ ed }) => `${hash('other.test')} ${ed}\n` },
  'hashed, wrong key': { text: ({ wrongEd }) => `${hash(H)} ${wrongEd}\n` },
  'hashed with a broken salt': { text: ({ ed }) => `|1|%%%|${hash(H).split('|')[3]} ${ed}\n${H} ${ed}\n` },
  'hashed in a list': { text: ({ ed }) => `${hash(H)},a.test ${ed}\n` },
  'hashed with another magic': { text: ({ ed }) => `${hash(H).replace('|1|', '|2|')} ${ed}\n` },
  'hashed name with port': { port: 2222, text: ({ ed }) => `${hash(P)} ${ed}\n` },
  'hashed plain name for a port': { port: 2222, text: ({ ed }) => `${hash(H)} ${ed}\n` },
  'with the port': { port: 2222, text: ({ ed }) => `${P} ${ed}\n` },
  'with the port, wrong key': { port: 2222, text: ({ wrongEd }) => `${P} ${wrongEd}\n` },
  'with another port': { port: 2222, text: ({ ed }) => `[${H}]:2223 ${ed}\n` },
  'plain name for a port': { port: 2222, text: ({ ed }) => `${H} ${ed}\n` },
  'plain name for a port, wrong key': { port: 2222, text: ({ wrongEd }) => `${H} ${wrongEd}\n` },
  'wrong with port, right without': {
    port: 2222,
    text: ({ ed, wrongEd }) => `${P} ${wrongEd}\n${H} ${ed}\n`,
  },
  'right with port, wrong without': {
    port: 2222,
    text: ({ ed, wrongEd }) => `${P} ${ed}\n${H} ${wrongEd}\n`,
  },
  'only RSA under the plain name, for a port': { port: 2222, text: ({ rsa }) => `${H} ${rsa}\n` },
  'port 22 in brackets': { text: ({ ed }) => `[${H}]:22 ${ed}\n` },
  'brackets without a port': { text: ({ ed }) => `[${H}] ${ed}\n` },
  'a star over brackets': { port: 2222, text: ({ ed }) => `*${H}* ${ed}\n` },
  'a star for the port': { port: 2222, text: ({ ed }) => `[${H}]:* ${ed}\n` },
  'an address': { host: '127.0.0.1', text: ({ ed }) => `127.0.0.1 ${ed}\n` },
  'an IPv6 address': { host: '::1', text: ({ ed }) => `::1 ${ed}\n` },
  'an IPv6 address with a port': { host: '::1', port: 2222, text: ({ ed }) => `[::1]:2222 ${ed}\n` },
  'an alias': { alias: 'nick', text: ({ ed }) => `nick ${ed}\n` },
  'an alias in capitals': { alias: 'Nick', text: ({ ed }) => `nick ${ed}\n` },
  'an alias leaves the port out': { alias: 'nick', port: 2222, text: ({ ed }) => `[nick]:2222 ${ed}\n` },
  'an alias replaces the name': { alias: 'nick', text: ({ ed }) => `${H} ${ed}\n` },
  'revoked alone': { text: ({ ed }) => `@revoked ${H} ${ed}\n` },
  'revoked and known': { text: ({ ed }) => `${H} ${ed}\n@revoked ${H} ${ed}\n` },
  'revoked for everybody': { text: ({ ed }) => `${H} ${ed}\n@revoked * ${ed}\n` },
  'revoked elsewhere': { text: ({ ed }) => `${H} ${ed}\n@revoked other.test ${ed}\n` },
  'another key revoked': { text: ({ ed, wrongEd }) => `${H} ${ed}\n@revoked ${H} ${wrongEd}\n` },
  'only another key revoked': { text: ({ wrongEd }) => `@revoked ${H} ${wrongEd}\n` },
  'the RSA key revoked, ed25519 known': { text: ({ ed, rsa }) => `${H} ${ed}\n@revoked ${H} ${rsa}\n` },
  'revoked, hashed': { text: ({ ed }) => `${H} ${ed}\n@revoked ${hash(H)} ${ed}\n` },
  'an authority alone': { text: ({ wrongEd }) => `@cert-authority ${H} ${wrongEd}\n` },
  'an authority with the key itself': { text: ({ ed }) => `@cert-authority ${H} ${ed}\n` },
  'an authority beside the key': {
    text: ({ ed, wrongRsa }) => `@cert-authority ${H} ${wrongRsa}\n${H} ${ed}\n`,
  },
  'an unknown marker': { text: ({ ed }) => `@trusted ${H} ${ed}\n` },
  'two markers': { text: ({ ed }) => `@revoked @cert-authority ${H} ${ed}\n` },
  'a tab after a marker': { text: ({ ed }) => `@revoked\t${H} ${ed}\n` },
  'a blank and a tab after a marker': { text: ({ ed }) => `@revoked \t${H} ${ed}\n` },
  'a name alone': { text: ({ ed }) => `${H}\n${H} ${ed}\n` },
  'a type alone': { text: ({ ed }) => `${H} ssh-ed25519\n${H} ${ed}\n` },
  'broken base64': { text: ({ ed }) => `${H} ssh-ed25519 !!!!\n${H} ${ed}\n` },
  'only broken base64': { text: () => `${H} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\n` },
  'a cut key': { text: ({ ed }) => `${H} ${ed.slice(0, 40)}\n` },
  'another type than inside': { text: ({ ed }) => `${H} ssh-rsa ${ed.split(' ')[1]}\n` },
  'a type that nobody knows': { text: ({ ed }) => `${H} ssh-future ${ed.split(' ')[1]}\n` },
  'a short name of a type': { text: ({ ed }) => `${H} ED25519 ${ed.split(' ')[1]}\n` },
  'a signature name of a type': { text: ({ rsa }) => `${H} rsa-sha2-512 ${rsa.split(' ')[1]}\n` },
  'an old RSA1 line': { text: ({ ed }) => `${H} 1024 35 1234567\n${H} ${ed}\n` },
  'rubbish before': { text: ({ ed }) => `\u0000\u0001 what\n${H} ${ed}\n` },
  'the second file': { text: () => '', more: ({ ed }) => `${H} ${ed}\n` },
  'wrong in the first, right in the second': {
    text: ({ wrongEd }) => `${H} ${wrongEd}\n`,
    more: ({ ed }) => `${H} ${ed}\n`,
  },
  'revoked in the second': { text: ({ ed }) => `${H} ${ed}\n`, more: ({ ed }) => `@revoked ${H} ${ed}\n` },
}

const names = Object.keys(shapes)
const chosen = (checking: Checking) => sampleOf(names, 4, checkings.indexOf(checking))

let folder: TestFolder
let servers: Record<'several' | 'ed25519 alone', { sshd: Sshd; keys: Keys }>

beforeAll(async () => {
  folder = testFolder()
  folder.write('proxy.mjs', PROXY)
  await Promise.all([
    makeKey(folder.join('ed'), 'ed25519'),
    makeKey(folder.join('rsa'), 'rsa'),
    makeKey(folder.join('ec'), 'ecdsa'),
  ])
  const file = (name: string) => bare(readFileSync(folder.join(`${name}.pub`), 'utf8'))
  const [several, alone] = await Promise.all([
    startSshd({ hostKeys: ['ed25519', 'rsa', 'ecdsa'] }),
    startSshd({ hostKeys: ['ed25519'] }),
  ])
  const [ed = '', rsa = '', ec = ''] = several.hostPublicKeys.map(bare)
  const wrong = { wrongEd: file('ed'), wrongRsa: file('rsa') }
  servers = {
    several: { sshd: several, keys: { ed, rsa, ec, ...wrong } },
    'ed25519 alone': {
      sshd: alone,
      keys: { ...wrong, ed: bare(alone.hostPublicKeys[0]!), rsa: file('rsa'), ec: file('ec') },
    },
  }
})

test('there are enough of them', () => {
  expect(names.length).toBeGreaterThanOrEqual(60)
})

describe.each(checkings)('the verdict of ssh is ours, with %s', (checking) => {
  test.each(chosen(checking))('%s', async (name) => {
    const shape = shapes[name]!
    const { sshd, keys } = servers[shape.server ?? 'several']
    const filesFor = (who: string) =>
      [shape.text, shape.more ?? (() => '')].map((text, index) =>
        folder.write(`${names.indexOf(name)}-${checking}-${who}-${index}`, text(keys)),
      )
    const [theirs, ours] = await Promise.all([
      outcomeOfSsh(shape, sshd, filesFor('ssh'), checking),
      outcomeOfUs(shape, sshd, filesFor('us'), checking),
    ])
    expect(ours).toEqual(theirs)
  })
})

describe('what ssh cannot be asked', () => {
  test('entries know their file and line', () => {
    const key = bare('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFJn0Wq1p0kd1CwqX2fWb0dF2sO2zv2mP4nJ8i4m9X8e x')
    expect(parseKnownHosts(`# x\nbroken\n\na ${key}\n`, '/f')).toMatchObject([
      { file: '/f', line: 4, hosts: 'a' },
    ])
  })

  test.each(['\n', '\r\n', ' a\u2028b\n', '\u0000\n', ''])(
    'a revoked key is revoked, whatever ends its line: %j',
    (end) => {
      const encoded = 'AAAAC3NzaC1lZDI1NTE5AAAAIFJn0Wq1p0kd1CwqX2fWb0dF2sO2zv2mP4nJ8i4m9X8e'
      const key = `ssh-ed25519 ${encoded}`
      const entries = parseKnownHosts(`a ${key}\n@revoked * ${key}${end}`, '/f')
      expect(judge(entries, ['a'], Buffer.from(encoded, 'base64')).kind).toBe('revoked')
    },
  )

  test('a long line of stars costs no time', () => {
    expect(matchesHost('a'.repeat(1000), '*a'.repeat(500).concat('b'))).toBe(false)
  })

  test('names to look up', () => {
    expect(lookupNames('Host', 22, null)).toEqual(['host'])
    expect(lookupNames('::1', 2222, null)).toEqual(['[::1]:2222', '::1'])
    expect(lookupNames('Host', 2222, 'Alias')).toEqual(['alias'])
  })
})

async function outcomeOfUs(
  shape: Shape,
  sshd: Sshd,
  files: string[],
  strictHostKeyChecking: Checking,
): Promise<Outcome> {
  const host: WantedHost = hostFor(sshd, {
    hostname: shape.host ?? H,
    port: shape.port ?? 22,
    hostKeyAlias: shape.alias ?? null,
    hostKeyAlgorithms: shape.algorithms ?? null,
    userKnownHostsFiles: files,
    strictHostKeyChecking,
  })
  const openStream = async () => netConnect({ port: sshd.port, host: '127.0.0.1' })
  const before = readFileSync(files[0]!, 'utf8')
  const verdict = await connect(host, { signal: NEVER, openStream }).then(
    (carrier) => {
      carrier.close()
      const isNew = carrier.warning !== null || readFileSync(files[0]!, 'utf8') !== before
      return isNew ? 'added' : 'known'
    },
    (error): Verdict => {
      const { code } = problemOf(error)
      if (!/^HOST_KEY_/.test(code)) throw error
      return code.slice('HOST_KEY_'.length).toLowerCase() as Verdict
    },
  )
  return { verdict, file: readFileSync(files[0]!, 'utf8') }
}

/** With `no`, ssh goes on after a changed or a revoked key: what it thinks of the key counts, not what it does then. */
function outcomeOfSsh(shape: Shape, sshd: Sshd, files: string[], checking: Checking): Promise<Outcome> {
  const options = [
    `UserKnownHostsFile=${files.join(' ')}`,
    'GlobalKnownHostsFile=/dev/null',
    `StrictHostKeyChecking=${checking}`,
    'HashKnownHosts=no',
    'UpdateHostKeys=no',
    'BatchMode=yes',
    'PreferredAuthentications=none',
    `ProxyCommand=${process.execPath} ${folder.join('proxy.mjs')} ${sshd.port}`,
    ...(shape.alias ? [`HostKeyAlias=${shape.alias}`] : []),
    ...(shape.algorithms ? [`HostKeyAlgorithms=${shape.algorithms}`] : []),
  ]
  const args = ['-F', 'none', '-p', String(shape.port ?? 22), ...options.flatMap((option) => ['-o', option])]
  return new Promise((resolve, reject) => {
    execFile('ssh', [...args, shape.host ?? H, 'true'], (_error, _stdout, said) => {
      const verdict = verdictIn(said)
      if (verdict) resolve({ verdict, file: readFileSync(files[0]!, 'utf8') })
      else reject(new Error(`ssh said something unexpected:\n${said}`))
    })
  })
}

function verdictIn(said: string): Verdict | null {
  if (/REVOKED HOST KEY|is marked as revoked/i.test(said)) return 'revoked'
  if (/IDENTIFICATION HAS CHANGED/.test(said)) return 'changed'
  if (/No .* host key is known/.test(said)) return 'unknown'
  if (/Permanently added/.test(said)) return 'added'
  return /Permission denied/.test(said) ? 'known' : null
}

const PROXY = `import { connect } from 'node:net'
const socket = connect(Number(process.argv[2]), '127.0.0.1')
process.stdin.pipe(socket).pipe(process.stdout)
socket.on('error', () => process.exit(1)).on('close', () => process.exit(0))
`

/** As ssh-keygen -H writes it. */
function hash(name: string): string {
  const salt = Buffer.alloc(20, 7)
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
}

/** Type and key, without the comment. */
function bare(line: string): string {
  return line.trim().split(' ').slice(0, 2).join(' ')
}

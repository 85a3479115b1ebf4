// What is agreed to is exactly what stands there: content of files included, and believed only from our own state.

import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa as run } from 'execa'
import { expect, test } from 'vitest'
import type { TrustItem, TrustPart } from '../../src/model/trust.ts'
import { hostsInUse } from '../../src/resolve/select.ts'
import { readSshConfigContent } from '../../src/resolve/ssh-config-content.ts'
import { partsInUse, readTrustItems } from '../../src/resolve/trust-items.ts'
import { forgetTrust, listTrust, readTrust, rememberTrust } from '../../src/resolve/trust-store.ts'
import { loadWell } from '../config/loading.ts'
import { testFolder } from '../helpers/folder.ts'

const file = `
hosts: { a: { proxy_jump: b }, b: { proxy_command: nc }, c: { proxy_command: nc } }
forwards:
  one: { via: a, local: 1, to: 80 }
  two: { via: c, local: "*:2", to: 80 }
`

test('only what is selected matters, with the hosts on its way', async () => {
  const project = await loadWell(file)
  const inUse = (...selected: string[]) =>
    partsInUse(project, new Set(selected), hostsInUse(project, selected)).map(({ path }) => path)
  expect(inUse('one')).toEqual(['hosts.b.proxy_command'])
  expect(inUse('two')).toEqual(['hosts.c.proxy_command', 'forwards.two.local'])
  expect(inUse()).toEqual([])
})

test('each part has a hash of its own, which its place in the file is no part of', async () => {
  const hashes = async (text: string) => {
    const { items } = await readTrustItems((await loadWell(text)).trust, '/home/me')
    return Object.fromEntries(items.map(({ path, hash }) => [path, hash]))
  }
  const first = await hashes(file)
  expect(await hashes(`# more\n${file}`)).toEqual(first)
  const other = await hashes(file.replace('b: { proxy_command: nc }', 'b: { proxy_command: socat }'))
  const changed = Object.keys(first).filter((path) => first[path] !== other[path])
  expect(changed).toEqual(['hosts.b.proxy_command'])
})

test('an ssh_config file counts with what it includes, by whatever pattern, and with what is not there yet', async () => {
  const folder = testFolder()
  const part = (path: string): TrustPart => {
    return { kind: 'ssh_config', path: 'p', text: path, owner: { what: 'host', name: 'a' }, file: path }
  }
  const hash = async (path: string) => (await readTrustItems([part(path)], '/home/me')).items[0]!.hash
  const outer = folder.write('outer', `Host x\n  include="${folder.path}/d/[ab]?.conf" ${folder.path}/late\n`)
  folder.write('d/a1.conf', 'Host a\n')
  const seen = [await hash(outer)]
  for (const [name, text] of [
    ['d/a1.conf', 'Host b\n'],
    ['d/b2.conf', 'Match exec true\n'],
    ['late', 'ProxyCommand evil\n'],
    ['outer', `Include ${folder.path}/late\n`],
  ] as const) {
    folder.write(name, text)
    seen.push(await hash(outer))
  }
  expect(new Set(seen).size).toBe(seen.length)
  const { items } = await readTrustItems([part(outer)], '/home/me')
  expect(items[0]!.text).toContain('ProxyCommand evil')
})

test.each([
  ['a folder', (path: string) => mkdirSync(path)],
  ['far too big', (path: string) => writeFileSync(path, '#'.repeat(300_000))],
  ['an Include of what a variable names', (path: string) => writeFileSync(path, 'Include ${EVIL}\n')],
  ['an Include of itself, in ever new names', endless],
  // ssh's glob(3) goes there, and up again.
  ["an Include of another user's home", (path: string) => writeFileSync(path, 'Include ~root/../evil\n')],
  ['an Include by a class', (path: string) => writeFileSync(path, 'Include /evil/[[:alpha:]]\n')],
  [
    'an Include by a range that ends before it begins',
    (path: string) => writeFileSync(path, 'Include [z-a]\n'),
  ],
  ['an Include with a backslash', (path: string) => writeFileSync(path, 'Include /evil\\/a\n')],
])('%s cannot be agreed to', async (_name, make) => {
  const path = testFolder().join('config')
  make(path)
  await expect(readSshConfigContent(path, '/home/me')).rejects.toThrow()
})

function endless(path: string): void {
  for (let index = 0; index < 20; index++) {
    writeFileSync(index === 0 ? path : `${path}${index}`, `Include ${path}${index + 1}\n`)
  }
}

// What ssh includes and we have not seen could be changed behind the back of whoever agreed.
test.each([
  ['Include FILE'],
  ['include FILE'],
  ['  Include\tFILE '],
  ['Include=FILE'],
  ['Include = FILE'],
  ['=Include FILE'],
  ['"Include" FILE'],
  ['"" Include FILE'],
  ['Inc"lude" FILE'],
  ['Include "FILE"'],
  ["Include 'FILE'"],
  ['Include /no/such/file FILE'],
  ['Include DIR/"inc"luded'],
  ["Include DIR/in'clu'ded"],
  ['Include DIR/*'],
  ['Include DIR/i[mn]c?ud*d'],
  ['Include DIR/[a-z]ncluded'],
  ['Include DIR/[!]]ncluded'],
  ['Include DIR/[]i]ncluded'],
  ['Include DIR/[!i-k^-]*n*cluded DIR/in[b-c]luded'],
  ['Include DI*/included'],
  ['Include within'],
  ['Include ~/.ssh/within'],
  ['Include FILE # comment'],
  ['Match all\n  Include FILE'],
  ['Include FILE\r'],
])('%j: what ssh includes is seen', async (line) => {
  const folder = testFolder()
  const home = folder.join('home')
  const included = folder.write('d/included', 'Port 4711\n')
  mkdirSync(join(home, '.ssh'), { recursive: true })
  symlinkSync(included, join(home, '.ssh', 'within'))
  const text = line
    .replaceAll('FILE', included)
    .replaceAll('DIR', folder.join('d'))
    .replaceAll('DI*', folder.join('[d]'))
  const path = folder.write('config', `${text}\n`)
  const { stdout } = await run('ssh', ['-G', '-F', path, 'x'], { reject: false, env: { HOME: home } })
  const before = await readSshConfigContent(path, home)
  folder.write('d/included', 'Port 4712\n')
  const isSeen = (await readSshConfigContent(path, home)).hash !== before.hash
  expect({ isIncluded: /^port 4711$/m.test(stdout), isSeen }).toEqual({ isIncluded: true, isSeen: true })
})

test.each([
  ['Match exec "evil"'],
  ['match host x EXEC evil'],
  ['Match ex"ec" "evil"'],
  ['Match !exec evil'],
  ['Proxy"Command" evil'],
  ['ProxyCommand=evil'],
  ['StrictHostKeyChecking no'],
  ['UserKnownHostsFile ./evil'],
  ['GlobalKnownHostsFile ./evil'],
  ['HostKeyAlias evil'],
  ['IdentityAgent ./evil'],
])('%j is shown to whoever has to agree to it', async (line) => {
  const path = testFolder().write('config', `User me\n  ${line}\nPort 4711\n`)
  expect((await readSshConfigContent(path, '/home/me')).telling).toEqual([line])
})

test('a circle of Includes comes to an end', async () => {
  const folder = testFolder()
  const a = folder.write('a', `Include ${folder.path}/b\n`)
  folder.write('b', `Include ${folder.path}/a\n`)
  expect((await readSshConfigContent(a, '/home/me')).telling).toHaveLength(2)
})

const identity = { folder: '/shop', file: 'tunnels.yaml', projectName: null }
const item = (hash: string): TrustItem => {
  return {
    kind: 'remote',
    path: 'forwards.web.remote',
    text: 'sekrit',
    hash,
    owner: { what: 'forward', name: 'web' },
  }
}

test('what is remembered adds up, is ours alone, never the text, and can be forgotten', async () => {
  const home = testFolder()
  const state = home.join('state', 'abc')
  expect(await readTrust(state)).toBeNull()
  await rememberTrust(state, identity, [item('one')])
  await rememberTrust(state, identity, [item('two'), item('one')])
  expect((await readTrust(state))!.trusted.map(({ hash }) => hash)).toEqual(['one', 'two'])
  expect(statSync(state).mode & 0o777).toBe(0o700)
  expect(statSync(join(state, 'trust.json')).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(state, 'trust.json'), 'utf8')).not.toContain('sekrit')
  expect(await listTrust(home.join('state'))).toMatchObject([identity])
  expect([await forgetTrust(state), await forgetTrust(state)]).toEqual([true, false])
  expect(await readTrust(state)).toBeNull()
})

test.each<[string, (path: string) => void]>([
  ['that others may write', (path) => chmodSync(path, 0o620)],
  ['that is cut', (path) => writeFileSync(path, readFileSync(path).subarray(0, 60))],
  ['that is something else', (path) => writeFileSync(path, '[1, "x"]')],
])('a file %s is believed by nobody', async (_name, spoil) => {
  const state = testFolder().join('state')
  await rememberTrust(state, identity, [item('one')])
  spoil(join(state, 'trust.json'))
  expect(await readTrust(state)).toBeNull()
})

test('a link to a file is not followed', async () => {
  const folder = testFolder()
  await rememberTrust(folder.join('real'), identity, [item('one')])
  mkdirSync(folder.join('state'))
  symlinkSync(folder.join('real', 'trust.json'), folder.join('state', 'trust.json'))
  expect(await readTrust(folder.join('state'))).toBeNull()
})

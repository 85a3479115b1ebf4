import { describe, expect, test } from 'vitest'
import { parseShortForm } from '../../src/config/short-form.ts'
import { briefly, load, loadForward, loadWell } from './loading.ts'

/** The long form as one line: kind and listen, to, via, then what is said of the host. */
function long(text: string): string {
  const result = parseShortForm(text)
  if (!result.ok) return `refused: ${result.complaint}`
  const { local, remote, dynamic, to, via } = result.value.pieces
  const listen = local
    ? `local ${local.value}`
    : remote
      ? `remote ${remote.value}`
      : `dynamic ${dynamic?.value}`
  const host = result.value.host.map(({ key, value }) => `${key}=${value}`)
  return [listen, to && `to ${to.value}`, via && `via ${via.value}`, ...host].filter(Boolean).join(', ')
}

test.each([
  // what the guide shows
  ['-L 8080:zaiste.net:80 acme', 'local 8080, to zaiste.net:80, via acme'],
  ['-L 127.0.0.1:8080:zaiste.net:80 acme', 'local 127.0.0.1:8080, to zaiste.net:80, via acme'],
  ['-L 4000:127.0.0.1:3306 acme', 'local 4000, to 127.0.0.1:3306, via acme'],
  ['-R 10123:127.0.0.1:123 acme', 'remote 10123, to 127.0.0.1:123, via acme'],
  ['-R :8000:localhost:80 acme', 'remote :8000, to localhost:80, via acme'],
  ['-R 7.7.7.7:8080:localhost:80 acme', 'remote 7.7.7.7:8080, to localhost:80, via acme'],
  ['user@7.7.7.7 -p 80 -R 5566:127.0.0.1:21', 'remote 5566, to 127.0.0.1:21, via user@7.7.7.7, port=80'],
  ['-D 8123 acme', 'dynamic 8123, via acme'],
  ['-R 1080 acme', 'remote 1080, to socks, via acme'],
  // binds
  ['-L *:8080:h:80 acme', 'local *:8080, to h:80, via acme'],
  ['-L :8080:h:80 acme', 'local :8080, to h:80, via acme'],
  ['-L localhost:8080:h:80 acme', 'local localhost:8080, to h:80, via acme'],
  ['-L [::1]:8080:h:80 acme', 'local [::1]:8080, to h:80, via acme'],
  ['-L 8080:[2001:db8::1]:80 acme', 'local 8080, to [2001:db8::1]:80, via acme'],
  ['-L [::1]:8080:[::2]:80 acme', 'local [::1]:8080, to [::2]:80, via acme'],
  ['-D [::1]:1080 acme', 'dynamic [::1]:1080, via acme'],
  ['-D *:1080 acme', 'dynamic *:1080, via acme'],
  ['-D :1080 acme', 'dynamic :1080, via acme'],
  ['-R 10.0.0.1:1080 acme', 'remote 10.0.0.1:1080, to socks, via acme'],
  ['-R [::1]:1080 acme', 'remote [::1]:1080, to socks, via acme'],
  ['-R *:1080 acme', 'remote *:1080, to socks, via acme'],
  // Unix sockets, either side
  ['-L /tmp/a.sock:/run/b.sock acme', 'local /tmp/a.sock, to /run/b.sock, via acme'],
  ['-L ./a.sock:h:80 acme', 'local ./a.sock, to h:80, via acme'],
  ['-L 8080:/run/b.sock acme', 'local 8080, to /run/b.sock, via acme'],
  ['-L 10.0.0.1:8080:/run/b.sock acme', 'local 10.0.0.1:8080, to /run/b.sock, via acme'],
  ['-L *:8080:/run/b.sock acme', 'local *:8080, to /run/b.sock, via acme'],
  ['-R /run/a.sock:/tmp/b.sock acme', 'remote /run/a.sock, to /tmp/b.sock, via acme'],
  ['-R /run/a.sock:localhost:80 acme', 'remote /run/a.sock, to localhost:80, via acme'],
  ['-R 8080:./b.sock acme', 'remote 8080, to ./b.sock, via acme'],
  ['-R /run/a.sock acme', 'remote /run/a.sock, to socks, via acme'],
  ['-D /tmp/socks.sock acme', 'dynamic /tmp/socks.sock, via acme'],
  ['-L /tmp/a\\\\:b:h:80 acme', 'local /tmp/a:b, to h:80, via acme'],
  // spelling of options
  ['-L8080:h:80 acme', 'local 8080, to h:80, via acme'],
  ['-NfL 8080:h:80 acme', 'local 8080, to h:80, via acme'],
  ['-NfL8080:h:80 acme', 'local 8080, to h:80, via acme'],
  ['-qNTn -D 1080 acme', 'dynamic 1080, via acme'],
  ['-N -T -n -f -q -D 1080 acme', 'dynamic 1080, via acme'],
  ['-CND1080 acme', 'dynamic 1080, via acme, compression=yes'],
  ['acme -L 8080:h:80', 'local 8080, to h:80, via acme'],
  ['-D 1080 -- acme', 'dynamic 1080, via acme'],
  ['  -D   1080   acme  ', 'dynamic 1080, via acme'],
  ['-D 1080', 'dynamic 1080'],
  // -g opens a bare port only
  ['-g -L 8080:h:80 acme', 'local *:8080, to h:80, via acme'],
  ['-gD 1080 acme', 'dynamic *:1080, via acme'],
  ['-g -L 127.0.0.1:8080:h:80 acme', 'local 127.0.0.1:8080, to h:80, via acme'],
  ['-g -L /tmp/a.sock:h:80 acme', 'local /tmp/a.sock, to h:80, via acme'],
  ['-g -R 8080:h:80 acme', 'remote 8080, to h:80, via acme'],
  // what belongs to the host
  ['-D 1 -p 2222 acme', 'dynamic 1, via acme, port=2222'],
  ['-D 1 -p2222 acme', 'dynamic 1, via acme, port=2222'],
  ['-D 1 -l me acme', 'dynamic 1, via acme, user=me'],
  ['-D 1 -i ~/.ssh/a -i ./b acme', 'dynamic 1, via acme, identity_file=~/.ssh/a, identity_file=./b'],
  ['-D 1 -J a,b acme', 'dynamic 1, via acme, proxy_jump=a,b'],
  ['-D 1 -4 acme', 'dynamic 1, via acme, address_family=inet'],
  ['-6D 1 acme', 'dynamic 1, via acme, address_family=inet6'],
  ['-D 1 -C acme', 'dynamic 1, via acme, compression=yes'],
  ['-D 1 -F none acme', 'dynamic 1, via acme, ssh_config=false'],
  ['-D 1 -F ./config acme', 'dynamic 1, via acme, ssh_config=./config'],
  ['-D 1 -o ServerAliveInterval=30 acme', 'dynamic 1, via acme, server_alive_interval=30'],
  ['-D 1 -oserveraliveinterval=30 acme', 'dynamic 1, via acme, server_alive_interval=30'],
  ['-D 1 -o "HostKeyAlias other" acme', 'dynamic 1, via acme, host_key_alias=other'],
  ['-D 1 -o "Ciphers = aes256-ctr" acme', 'dynamic 1, via acme, ciphers=aes256-ctr'],
  ['-D 1 -o Port=22 -p 22 acme', 'dynamic 1, via acme, port=22, port=22'],
  // quotes and variables
  ['-L "8080:h:80" \'acme\'', 'local 8080, to h:80, via acme'],
  ['-D 1 -i "my key" acme', 'dynamic 1, via acme, identity_file=my key'],
  ['-D 1 -i my\\ key acme', 'dynamic 1, via acme, identity_file=my key'],
  ['-L ${P}:${H}:${Q} ${U}@${D}', 'local ${P}, to ${H}:${Q}, via ${U}@${D}'],
  ['-L ${P:-80:90}:h:${Q:-1 2} acme', 'local ${P:-80:90}, to h:${Q:-1 2}, via acme'],
  ['-L ${A:-${B:-x y}}:h:80 acme', 'local ${A:-${B:-x y}}, to h:80, via acme'],
  ['-D ${P} $HOST', 'dynamic ${P}, via $HOST'],
  ['-L 8080:${SOCK} acme', 'local 8080, to ${SOCK}, via acme'],
  ['-R ${P} acme', 'remote ${P}, to socks, via acme'],
])('%s', (text, expected) => {
  expect(long(text)).toBe(expected)
})

test.each([
  ['-L 8080:zaiste.net acme', 'must be written -L'],
  ['-L 8080 acme', 'must be written -L'],
  ['-L a:b:c:d:e acme', 'must be written -L'],
  ['-L [::1:8080:h:80 acme', 'must be written -L'],
  ['-L [::1]8080:h:80 acme', 'must be written -L'],
  ['-D 1080:h:80 acme', 'must be written -D'],
  ['-R /a:80 acme', 'must be written -R'],
  ['-L 1:h:1 -L 2:h:2 acme', 'has more than one of -L, -R and -D'],
  ['-N acme', 'has none of -L, -R and -D'],
  ['acme', 'must be a map, or begin with -L'],
  ['', 'has none of -L, -R and -D'],
  ['ssh -L 1:h:1 acme', 'without ssh itself'],
  ['-L 1:h:1 acme ls -l', 'no command is run there'],
  ['-L', 'has -L without its argument'],
  ['-D 1 -A acme', 'has -A, which a short form does not take'],
  ['-D 1 -W h:1 acme', 'has -W, which a short form does not take'],
  ['-D 1 -o LocalForward=1 acme', 'has -o LocalForward'],
  ['-D 1 -o ProxyUseFdpass=yes acme', 'has -o ProxyUseFdpass'],
  ['-D 1 -o Compression acme', 'is not Keyword=value'],
  ['-D 1 -p 1 -p 2 acme', 'says two things about port'],
  ['-D 1 -4 -6 acme', 'says two things about address_family'],
  ['-D 1 "acme', 'never closed'],
  ['-D 1 acme; id', 'is not run by a shell'],
  ['-D 1 acme | cat', 'is not run by a shell'],
])('%s is refused', (text, complaint) => {
  expect(long(text)).toContain(`refused: `)
  expect(long(text)).toContain(complaint)
})

test('a problem says what to write instead', () => {
  const hintOf = (text: string) => (parseShortForm(text) as { hint?: string }).hint
  expect(hintOf('-D 1 -b 10.0.0.1 acme')).toBe('Write bind_address: under the host')
  expect(hintOf('-D 1 -o GatewayPorts=yes acme')).toContain('"*:PORT"')
  expect(hintOf('-D 1 -o RemoteForward=1 acme')).toContain('remote:')
})

describe('what a short form says of its host', () => {
  test('goes to a declared host that leaves it open', async () => {
    const project = await loadWell(
      'hosts: { acme: }\nforwards:\n  a: -D 1080 -p 2222 -i ./key -C -J gate acme\n',
    )
    expect(project.hosts.get('acme')).toMatchObject({ port: 2222, compression: true, proxyJump: ['gate'] })
    expect(project.forwards.get('a')?.via).toBe('acme')
  })

  test('may repeat what the host says, in other words', async () => {
    const host = 'hosts: { acme: { port: 2222, compression: true } }\n'
    const project = await loadWell(`${host}forwards:\n  a: -D 1080 -p 2222 -C acme\n`)
    expect(project.hosts.get('acme')).toMatchObject({ port: 2222, compression: true })
  })

  test('must not contradict the host, or another short form', async () => {
    const text = `hosts: { acme: { port: 22 } }
forwards:
  a: -D 1080 -p 2222 acme
  b: -D 1081 -i ./one other
  c: -D 1082 -i ./two other
  d: -D 1083 -l bob alice@third
`
    expect(await briefly(text)).toEqual([
      '3:17 CONFIG_CONFLICT forwards.a',
      '5:17 CONFIG_CONFLICT forwards.c',
      '6:17 CONFIG_CONFLICT forwards.d',
    ])
  })

  test('user and port make an undeclared host another one', async () => {
    const project = await loadWell('forwards:\n  a: -D 1080 -p 2222 -l me acme\n  b: -D 1081 acme\n')
    expect(project.forwards.get('a')?.via).toBe('me@acme:2222')
    expect(project.hosts.get('me@acme:2222')).toMatchObject({
      hostname: 'acme',
      user: 'me',
      port: 2222,
      implicit: true,
    })
    expect(project.hosts.get('acme')).not.toHaveProperty('port')
  })

  test('is wrong at its very word', async () => {
    expect(await briefly('forwards:\n  a: -D 1080 -p 99999 acme\n')).toEqual([
      '2:17 CONFIG_SCHEMA forwards.a',
    ])
    expect(await briefly('forwards:\n  a: "-D 1080 -o ConnectTimeout=soon acme"\n')).toEqual([
      '2:18 CONFIG_SCHEMA hosts.acme.connect_timeout',
    ])
  })

  test('is no key that a map could have', async () => {
    expect(await briefly('forwards:\n  a: { via: acme, dynamic: 1080, -p: 22 }\n')).toEqual([
      '2:34 CONFIG_UNKNOWN_KEY forwards.a.-p',
    ])
  })
})

test('the destination may be left to the defaults', async () => {
  const project = await loadWell('defaults: { forwards: { via: acme } }\nforwards:\n  a: -D 1080 -p 22\n')
  expect(project.forwards.get('a')?.via).toBe('acme:22')
})

test('-g with -R is worth a warning', async () => {
  const { problems, project } = await load('forwards:\n  a: -g -R 8000:localhost:80 acme\n')
  expect(project?.forwards.get('a')?.listen).toEqual({ kind: 'tcp', bind: 'loopback', port: 8000 })
  expect(problems.map(({ severity }) => severity)).toEqual(['warning'])
})

test.each([
  ['acme.example.com', { hostname: 'acme.example.com' }],
  ['deploy@acme', { hostname: 'acme', user: 'deploy' }],
  ['deploy@corp@acme:2222', { hostname: 'acme', user: 'deploy@corp', port: 2222 }],
  ['"[2001:db8::1]:2222"', { hostname: '2001:db8::1', port: 2222 }],
  ['me@[::1]', { hostname: '::1', user: 'me' }],
  ['ssh://me@acme:22', { hostname: 'acme', user: 'me', port: 22 }],
  ['ssh://acme/', { hostname: 'acme' }],
  ['${U:-a@b:c}@acme', { hostname: 'acme', user: 'a@b:c' }],
])('a host may be the destination %s', async (text, expected) => {
  const project = await loadWell(`hosts:\n  it: ${text}\nforwards: { a: -D 1080 it }\n`)
  const { name, at, ...host } = project.hosts.get('it')!
  expect(host).toEqual(expected)
})

test('a forward keeps what its words mean', async () => {
  expect(await loadForward('-R /run/a.sock:~/b.sock acme')).toMatchObject({
    listen: { kind: 'unix', path: '/run/a.sock' },
    to: { kind: 'unix', path: '/home/me/b.sock' },
  })
})

test.each([
  ['{ -i: ~/.ssh/k, local: 1, to: 2, via: acme }', '"-i ~/.ssh/k … destination"'],
  ['{ -p: 2222, local: 1, to: 2, via: acme }', '"-p 2222 … destination"'],
  ['{ -i ~/.ssh/k -L 1:localhost:80 acme }', '"-i ~/.ssh/k -L 1:localhost:80 acme"'],
])('options of ssh as keys, %s: the hint keeps what was written', async (text, sample) => {
  const { problems } = await load(`forwards:\n  it: ${text}\n`)
  const unknown = problems.find(({ code }) => code === 'CONFIG_UNKNOWN_KEY')
  expect(unknown?.hint).toBe(`Options of ssh belong into one string: ${sample}`)
})

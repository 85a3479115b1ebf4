import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import type { AuthContext, Connection, KeyboardAuthContext } from 'ssh2'
import { describe, expect, test } from 'vitest'
import type { WantedHost } from '../../src/model/wanted.ts'
import { type ConnectOptions, connect } from '../../src/ssh/connect.ts'
import { startSshd } from '../helpers/sshd.ts'
import { NASTY, startHostileServer } from './hostile-server.ts'
import { askSsh, newKey, personWho } from './keys.ts'
import { hostFor, NEVER, open, problemFrom } from './support.ts'

const PASSWORD = 'CANARY-password'

const attempt = (host: WantedHost, options: Partial<ConnectOptions> = {}) =>
  problemFrom(connect(host, { signal: NEVER, ...options }))

/** sshd checks passwords of the machine's accounts, so this server is ours. It knows one password, and counts. */
async function startPasswordServer(methods = ['password']) {
  const seen: string[] = []
  const server = await startHostileServer({
    onAuthentication: (login) => {
      if (login.method !== 'password') return login.reject(methods as never)
      seen.push(login.password)
      return login.password === PASSWORD ? login.accept() : login.reject(methods as never)
    },
  })
  return { ...server, seen }
}

describe('a password', () => {
  test('from password_env', async () => {
    const server = await startPasswordServer()
    await open(server.host({ password: PASSWORD }))
    expect(server.seen).toEqual([PASSWORD])
  })

  test('a refused one from password_env is sent once, and is in no text', async () => {
    const server = await startPasswordServer()
    const problem = await attempt(server.host({ password: 'CANARY-wrong' }))
    expect(server.seen).toEqual(['CANARY-wrong'])
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.detail).toContain('A password was tried once')
    expect(JSON.stringify(problem)).not.toContain('CANARY')
  })

  test('is asked for three times, as ssh does, and kept until it is refused', async () => {
    const server = await startPasswordServer()
    const person = personWho(['no'], ['nor this'], [PASSWORD], ['again'])
    const host = server.host()
    await open(host, { ask: person.ask })
    expect(person.asked.map(({ kind }) => kind)).toEqual(['password', 'password', 'password'])
    expect(person.asked[0]!.fields).toEqual([{ text: "deploy@127.0.0.1's password:", echo: false }])
    expect(person.asked[0]!.detail).toBeUndefined()
    expect(person.asked[1]!.detail).toContain('refused')
    await open(host)
    expect(server.seen).toEqual(['no', 'nor this', PASSWORD, PASSWORD])
  })

  test('that was typed goes to nobody else: not where other keys are believed since then', async () => {
    const server = await startPasswordServer()
    const host = server.host()
    await open(host, { ask: personWho([PASSWORD]).ask })
    const edited = { ...host, hostKeys: [...(host.hostKeys ?? []), `SHA256:${'a'.repeat(43)}`] }
    expect((await attempt(edited)).code).toBe('AUTH_NEEDS_PERSON')
    expect(server.seen).toEqual([PASSWORD])
  })

  test('three wrong ones are enough', async () => {
    const server = await startPasswordServer()
    const person = personWho(['1'], ['2'], ['3'], ['4'])
    expect((await attempt(server.host(), { ask: person.ask })).code).toBe('AUTH_FAILED')
    expect(server.seen).toEqual(['1', '2', '3'])
  })

  test('as many as NumberOfPasswordPrompts says', async () => {
    const server = await startPasswordServer()
    const person = personWho(['1'], ['2'], ['3'])
    await attempt(server.host({ numberOfPasswordPrompts: 2 }), { ask: person.ask })
    expect(server.seen).toEqual(['1', '2'])
  })

  test('is what is needed when nobody says it', async () => {
    const server = await startPasswordServer()
    for (const options of [{}, { ask: personWho().ask }]) {
      const problem = await attempt(server.host(), options)
      expect(problem.code).toBe('AUTH_NEEDS_PERSON')
      expect(problem.summary).toContain('the password of deploy')
    }
    expect(server.seen).toEqual([])
  })

  test('a refused key is refused, also where a password would do: nobody has to be there', async () => {
    const key = await newKey()
    const server = await startPasswordServer(['publickey', 'password'])
    const problem = await attempt(server.host({ identityFiles: [key.path] }))
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.hint).toContain('password_env')
  })

  test('that has expired is said', async () => {
    const server = await startHostileServer({
      onAuthentication: (login) => {
        if (login.method !== 'password') return login.reject(['password'])
        login.requestChange('Expired', () => login.reject())
      },
    })
    const problem = await attempt(server.host({ password: PASSWORD }))
    expect(problem.code).toBe('AUTH_NEEDS_PERSON')
    expect(problem.summary).toContain('expired')
  })

  test('typed after the server has hung up is used by the next attempt', async () => {
    const server = await startPasswordServer()
    const host = server.host()
    const lost = await hungUpWhileAsked(host, [PASSWORD])
    expect(lost.code).toBe('HOST_LOST')
    await open(host)
    expect(server.seen).toEqual([PASSWORD])
  })
})

/** The person answers when the server has gone. */
async function hungUpWhileAsked(host: WantedHost, answers: string[]) {
  let socket: Socket | null = null
  return attempt(host, {
    openStream: async () => {
      socket = createConnection(host.port, '127.0.0.1')
      return socket
    },
    ask: async () => {
      socket!.destroy()
      await once(socket!, 'close')
      return answers
    },
  })
}

interface Asked {
  title?: string
  instruction?: string
  prompts: { prompt: string; echo: boolean }[]
}

/** Asks the rounds in turn; what was answered is in `answers`. */
async function startRounds(rounds: Asked[], expected: string[][]) {
  const answers: string[][] = []
  const ask = (login: KeyboardAuthContext, index: number): void => {
    const round = rounds[index]
    if (!round) return login.accept()
    const { prompts, title = '', instruction = '' } = round
    login.prompt(prompts, title, instruction, (given) => {
      answers.push(given)
      if (JSON.stringify(given) === JSON.stringify(expected[index])) ask(login, index + 1)
      else login.reject(['keyboard-interactive'])
    })
  }
  const server = await startHostileServer({
    onAuthentication: (login: AuthContext, _connection: Connection) => {
      if (login.method === 'keyboard-interactive') ask(login, 0)
      else login.reject(['keyboard-interactive'])
    },
  })
  return { ...server, answers }
}

const HIDDEN = (prompt: string) => ({ prompts: [{ prompt, echo: false }] })

describe('keyboard-interactive', () => {
  test('two rounds: the password from its variable, the code from a person, each time', async () => {
    const server = await startRounds(
      [HIDDEN('Password: '), HIDDEN('Verification code: ')],
      [[PASSWORD], ['123456']],
    )
    const person = personWho(['123456'], ['123456'])
    const host = server.host({ password: PASSWORD })
    await open(host, { ask: person.ask })
    await open(host, { ask: person.ask })
    expect(person.asked.map(({ fields }) => fields)).toEqual([
      [{ text: 'Verification code:', echo: false }],
      [{ text: 'Verification code:', echo: false }],
    ])
  })

  test('an asked-for password is kept, a code never', async () => {
    const server = await startRounds(
      [HIDDEN('Password: '), HIDDEN('One-time password: ')],
      [[PASSWORD], ['1']],
    )
    const host = server.host()
    await open(host, { ask: personWho([PASSWORD], ['1']).ask })
    const later = personWho(['1'])
    await open(host, { ask: later.ask })
    expect(later.asked.map(({ fields }) => fields[0]!.text)).toEqual(['One-time password:'])
  })

  test('a code typed after the server has hung up is used by the next attempt, and by no other', async () => {
    const server = await startRounds([HIDDEN('Code: ')], [['1']])
    const host = server.host()
    expect((await hungUpWhileAsked(host, ['1'])).code).toBe('HOST_LOST')
    const nobody = personWho()
    await open(host, { ask: nobody.ask })
    expect(nobody.asked).toEqual([])
    expect((await attempt(host, { ask: nobody.ask })).code).toBe('AUTH_NEEDS_PERSON')
    expect(server.answers).toEqual([['1']])
  })

  test('several prompts in one round, one of them to be seen', async () => {
    const prompts = [
      { prompt: 'Name: ', echo: true },
      { prompt: 'Password: ', echo: false },
    ]
    const server = await startRounds([{ title: 'Bank', instruction: 'Both, please', prompts }], [['me', 'x']])
    const person = personWho(['me', 'x'])
    await open(server.host({ password: PASSWORD }), { ask: person.ask })
    expect(person.asked[0]).toMatchObject({
      kind: 'keyboard_interactive',
      detail: 'Bank\nBoth, please',
      fields: [
        { text: 'Name:', echo: true },
        { text: 'Password:', echo: false },
      ],
    })
    expect(server.answers).toEqual([['me', 'x']])
  })

  test('a round without prompts is shown, and needs no answer', async () => {
    const server = await startRounds(
      [{ instruction: 'Approve on your phone', prompts: [] }, HIDDEN('Code: ')],
      [[], ['7']],
    )
    await open(server.host(), { ask: personWho(['7'], ['7']).ask })
    expect(server.answers).toEqual([[], ['7']])
  })

  test('nobody there: what it asks, and no answer was sent', async () => {
    const server = await startRounds([HIDDEN('Verification code: ')], [['1']])
    const problem = await attempt(server.host({ password: PASSWORD }))
    expect(problem.code).toBe('AUTH_NEEDS_PERSON')
    expect(problem.summary).toContain('Verification code:')
    expect(server.answers).toEqual([])
    expect((await attempt(server.host())).code).toBe('AUTH_NEEDS_PERSON')
  })

  test('a password_env is sent to nobody who asks for something else, or lets it be seen', async () => {
    for (const prompt of [
      { prompt: 'Token: ', echo: false },
      { prompt: 'Password: ', echo: true },
      { prompt: 'New password: ', echo: false },
    ]) {
      const server = await startRounds([{ prompts: [prompt] }], [[PASSWORD]])
      await attempt(server.host({ password: PASSWORD }))
      expect(server.answers).toEqual([])
    }
  })

  test('a refused password is not sent again by itself', async () => {
    const server = await startRounds([HIDDEN('Password: ')], [[PASSWORD]])
    const problem = await attempt(server.host({ password: 'wrong' }))
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.hint).toContain('password_env')
    expect(server.answers).toEqual([['wrong']])
  })

  test('what a server says reaches a terminal clean', async () => {
    const prompts = [{ prompt: NASTY, echo: false }]
    const server = await startRounds([{ title: NASTY, instruction: NASTY.repeat(300), prompts }], [['x']])
    const person = personWho(['x'])
    await open(server.host(), { ask: person.ask })
    const [question] = person.asked
    expect(JSON.stringify(question)).not.toMatch(/\\u00|[^\x20-\x7e]/)
    expect(question!.detail!.length).toBeLessThan(3_000)
  })

  test('a server that asks and asks is left', async () => {
    const many = await startRounds([{ prompts: Array(33).fill({ prompt: 'a', echo: false }) }], [])
    const rounds = await startRounds(Array(20).fill(HIDDEN('Code: ')), Array(20).fill(['1']))
    const silent = await startRounds(Array(20).fill({ instruction: 'wait', prompts: [] }), Array(20).fill([]))
    for (const server of [many, rounds, silent]) {
      const person = personWho(...Array(40).fill(['1']))
      expect((await attempt(server.host(), { ask: person.ask })).code).toMatch(/^AUTH_/)
      expect(server.answers.length).toBeLessThanOrEqual(10)
    }
  })
})

describe('several steps', () => {
  test('a key, then a password', async () => {
    const key = await newKey()
    const seen: string[] = []
    const server = await startHostileServer({
      onAuthentication: (login) => {
        seen.push(login.method)
        if (login.method === 'publickey' && !login.signature) return login.accept()
        if (login.method === 'publickey') return login.reject(['password'], true)
        if (login.method === 'password' && login.password === PASSWORD) return login.accept()
        login.reject(['publickey'])
      },
    })
    const host = server.host({ identityFiles: [key.path] })
    await open({ ...host, password: PASSWORD })
    expect(seen).toEqual(['none', 'publickey', 'publickey', 'password'])
    const problem = await attempt(host)
    expect(problem.code).toBe('AUTH_NEEDS_PERSON')
    expect(problem.summary).toContain('took the key of deploy and wants more: the password')
  })

  test('two keys, at a real sshd', async () => {
    const [first, second, wrong] = await Promise.all([newKey(), newKey(), newKey()])
    const server = await startSshd({
      authorizedKeys: [first.line, second.line],
      config: ['AuthenticationMethods publickey,publickey'],
    })
    const identityFiles = [wrong, first, second].map(({ path }) => path)
    await open(hostFor(server, { identityFiles }))
    expect(
      (
        await askSsh(
          server,
          identityFiles.map((path) => `IdentityFile=${path}`),
        )
      ).gotIn,
    ).toBe(true)
    const problem = await attempt(hostFor(server, { identityFiles: [first.path] }))
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.summary).toContain('took the key')
  })

  test('the order is that of preferred_authentications, and of ssh where there is none', async () => {
    const seen: string[] = []
    const methods = ['password', 'keyboard-interactive', 'publickey'] as const
    const server = await startHostileServer({
      onAuthentication: (login) => {
        seen.push(login.method)
        login.reject([...methods])
      },
    })
    const key = await newKey()
    const host = server.host({ identityFiles: [key.path], password: PASSWORD })
    await attempt(host)
    expect(seen).toEqual(['none', 'publickey', 'keyboard-interactive', 'password'])
    seen.length = 0
    await attempt({ ...host, preferredAuthentications: 'password,publickey' })
    expect(seen).toEqual(['none', 'password', 'publickey'])
  })

  test('a server that takes only what we cannot do is said in one sentence', async () => {
    const server = await startHostileServer({
      onAuthentication: (login) => login.reject(['gssapi-with-mic', 'hostbased'] as never),
    })
    const problem = await attempt(server.host())
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.hint).toContain('gssapi-with-mic or hostbased')
  })
})

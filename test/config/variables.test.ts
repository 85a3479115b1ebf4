// `env` and `env_prefix`: what is taken, and what is refused at its line.

import { expect, test } from 'vitest'
import { briefly, load, loadWell } from './loading.ts'

test('the defaults give what fits, and a forward its own', async () => {
  const { forwards } = await loadWell(`
defaults: { forwards: { via: acme, env: { MODE: dev, AT: "{path}", x-note: 1 } } }
forwards:
  web: { local: 1024, to: 80, env: { URL: "http://{host}:{port}", N: 5, ON: true, EMPTY: "" }, env_prefix: SITE }
  docker: { local: ./d.sock, to: /d.sock, env: { AT: "unix:{path}" } }
`)
  expect(forwards.get('web')).toMatchObject({ envPrefix: 'SITE' })
  expect(forwards.get('web')!.env).toEqual({
    MODE: 'dev',
    URL: 'http://{host}:{port}',
    N: '5',
    ON: 'true',
    EMPTY: '',
  })
  expect(forwards.get('docker')!.env).toEqual({ MODE: 'dev', AT: 'unix:{path}' })
})

test('templates that cannot be filled, and variables that two forwards would set, are problems', async () => {
  const text = `
defaults: { forwards: { via: acme } }
forwards:
  a: { local: 1024, to: 80, env: { A: "{path}", URL: "x" } }
  b: { local: ./b.sock, to: 80, env: { B: "{host}", URL: "y", NOT-ONE: 1 } }
  c.d: { local: 1025, to: 80, env_prefix: no-good }
  c-e: { local: 1026, to: 80, env_prefix: A }
  c_e: { local: 1027, to: 80 }
  C.E: { local: 1028, to: 80 }
  r: { remote: 1029, to: 80 }
  R: { local: 1030, to: 80, env: { R_PORT: "own{port}" } }
  s: { local: ./s.sock, to: 80, env: { R_HOST: x, R_SOCKET: x } }
`
  expect(await briefly(text)).toEqual([
    '4:39 CONFIG_CONFLICT forwards.a.env.A',
    '5:43 CONFIG_CONFLICT forwards.b.env.B',
    '5:53 CONFIG_CONFLICT forwards.b.env.URL',
    '5:63 CONFIG_SCHEMA forwards.b.env.NOT-ONE',
    '6:43 CONFIG_SCHEMA forwards.c.d.env_prefix',
    '7:31 CONFIG_CONFLICT forwards.c-e.env_prefix',
    '9:3 CONFIG_CONFLICT forwards.C.E',
    '12:40 CONFIG_CONFLICT forwards.s.env.R_HOST',
  ])
})

test('only a name that stands for a secret is told where the secret belongs', async () => {
  const { problems } = await load(`
forwards:
  a: { via: acme, local: 1024, to: 80, env_prefix: "" }
  b: { via: acme, dynamic: 1025, auth: { username: me, password_env: s3cret! } }
`)
  expect(problems.map(({ path, hint }) => [path, hint])).toEqual([
    ['forwards.a.env_prefix', undefined],
    ['forwards.b.auth.password_env', 'The secret itself has no place in this file'],
  ])
})

test('a variable that decides what code programs run is part of trust', async () => {
  const { trust } = await loadWell(`
forwards: { a: { via: acme, local: 1024, to: 80, env: { DATABASE_URL: "{port}", LD_PRELOAD: ./x.so, PATH: . } } }
`)
  expect(trust.map(({ kind, path, text }) => [kind, path, text])).toEqual([
    ['env', 'forwards.a.env.LD_PRELOAD', 'LD_PRELOAD=./x.so'],
    ['env', 'forwards.a.env.PATH', 'PATH=.'],
  ])
})

// A command with tunnels around it, as the example has it, against a real PostgreSQL.

import { expect, test } from 'vitest'
import { eventually } from '../../helpers/eventually.ts'
import { example } from '../../helpers/example.ts'
import { canListen, freePort } from '../../helpers/ports.ts'
import { startPostgres } from '../../helpers/postgres.ts'
import { startSshd } from '../../helpers/sshd.ts'

const psql = (more: string) => ['run', 'db', '--', 'sh', '-c', `exec psql -XAt "$DATABASE_URL" ${more}`]

test('25: psql reaches a real PostgreSQL: rows, standard input, its exit codes, Ctrl-C', async () => {
  const [sshd, { port }] = await Promise.all([startSshd(), freePort().then(startPostgres)])
  const cli = example('25-run.yaml', { sshd, forwards: { db: { to: `127.0.0.1:${port}` } } })
  const rows = await cli.run(psql('-c "select sum(n) from generate_series(1, 100000) n"'))
  expect(rows).toEqual({ code: 0, stdout: '5000050000\n', stderr: '' })
  expect(JSON.parse((await cli.run(['ls', '--json'])).stdout).projects).toEqual([])

  const script =
    'create table parcel (id int); insert into parcel values (1), (2);\nselect count(*) from parcel;\n'
  expect(await cli.run(psql('-q'), { input: script })).toEqual({ code: 0, stdout: '2\n', stderr: '' })
  const failed = await cli.run(psql('-v ON_ERROR_STOP=1'), { input: 'select nothing;\n' })
  expect(failed.code).toBe(3)

  const sleeping = cli.start(psql('-c "select \'begun\'" -c "select pg_sleep(600)"'))
  const local = await portOf(sleeping)
  expect(await canListen('127.0.0.1', local)).toBe(false)
  // psql cancels what it waits for by a second connection, and goes on to its own end.
  sleeping.signal('SIGINT')
  const cancelled = await sleeping.ended
  expect(cancelled.stderr).toContain('canceling statement due to user request')
  expect(cancelled.code).toBe(1)
  expect(await canListen('127.0.0.1', local)).toBe(true)

  async function portOf(running: ReturnType<typeof cli.start>): Promise<number> {
    await eventually(() => running.stdout().includes('begun'))
    return Number(JSON.parse((await cli.run(['port', 'db', '--json'])).stdout).port)
  }
})

// A real PostgreSQL (built to WebAssembly) behind the host, a real client in front.

import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import postgres from 'postgres'
import { expect, test } from 'vitest'
import { atEnd } from '../../helpers/cleanup.ts'
import { example } from '../../helpers/example.ts'
import { freePorts } from '../../helpers/ports.ts'
import { startSshd } from '../../helpers/sshd.ts'

test('05: a PostgreSQL client goes through', async () => {
  const [sshd, [local, far]] = await Promise.all([startSshd(), freePorts(2)])
  await startPostgres(far!)
  const forwards = { postgres: { local, to: `127.0.0.1:${far}` } }
  const tunnels = example('05-postgres.yaml', { sshd, forwards })
  await tunnels.up()
  const sql = postgres({ host: '127.0.0.1', port: local!, user: 'postgres', database: 'postgres', max: 1 })
  await sql`create table parcel (id int, content text)`
  await sql`insert into parcel select n, repeat('x', n) from generate_series(1, 2000) n`
  const [row] = await sql`select count(*)::int as parcels, sum(length(content))::int as bytes from parcel`
  expect(row).toEqual({ parcels: 2000, bytes: 2_001_000 })
  const all = await sql`select content from parcel order by id`
  expect(all.map(({ content }) => content.length)).toEqual(
    Array.from({ length: 2000 }, (_, index) => index + 1),
  )
  await sql.end()
})

async function startPostgres(port: number): Promise<void> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, port, host: '127.0.0.1' })
  await server.start()
  atEnd(async () => {
    await server.stop()
    await db.close()
  })
}

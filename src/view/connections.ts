// The connections that are open, for `tunnels status --connections`: a row each.

import type { ConnectionStatus, Status } from '../model/status.ts'
import { formatAge, formatBytes } from './quantity.ts'
import { type Column, formatTable } from './table.ts'

type Row = ConnectionStatus & { forward: string }

/** Ends with a line feed. */
export function formatConnections(
  { forwards }: Pick<Status, 'forwards'>,
  { columns, now }: { columns: number | null; now: Date },
): string {
  const rows = forwards.flatMap(({ name, openConnections = [] }) =>
    openConnections.map((each): Row => ({ ...each, forward: name })),
  )
  if (rows.length === 0) return 'No connection is open\n'
  return `${formatTable(rows, columnsAt(now), columns).join('\n')}\n`
}

function columnsAt(now: Date): Column<Row>[] {
  return [
    { title: 'FORWARD', text: ({ forward }) => forward, shrinkTo: 8 },
    { title: 'FROM', text: ({ from }) => from ?? '-', shrinkTo: 12 },
    {
      title: 'PROCESS',
      text: ({ process }) => (process ? `${process.name} (${process.pid})` : '-'),
      shrinkTo: 8,
    },
    { title: 'TO', text: ({ to }) => to ?? '-', shrinkTo: 10 },
    {
      title: 'FOR',
      text: ({ since, draining }) =>
        `${formatAge(now.getTime() - Date.parse(since))}${draining ? ', draining' : ''}`,
    },
    { title: 'IN', text: ({ bytes }) => formatBytes(bytes.in), align: 'right' },
    { title: 'OUT', text: ({ bytes }) => formatBytes(bytes.out), align: 'right' },
  ]
}

// Rows of short texts as aligned columns that fit a width: the columns that may shrink give way, widest first.

import { makePrintable } from './printable.ts'
import { shortenEnd } from './shorten.ts'

export interface Column<Row> {
  title: string
  text(row: Row): string
  /** Applied after the width is settled. */
  paint?(text: string, row: Row): string
  align?: 'right'
  /** May be cut, with an ellipsis, down to this many characters. */
  shrinkTo?: number
  /** How; default: what is too much at the end is missing. */
  shorten?(text: string, length: number): string
}

const GAP = '  '

/** One string a line, header first; `columns` null: as wide as it needs to be. What cannot fit goes, from the right. */
export function formatTable<Row>(rows: Row[], table: Column<Row>[], columns: number | null): string[] {
  const lines = layOut(rows, table, columns)
  const fits = columns === null || table.length <= 2 || lines.width <= columns
  return fits ? lines.text : formatTable(rows, table.slice(0, -1), columns)
}

function layOut<Row>(rows: Row[], table: Column<Row>[], columns: number | null) {
  const cells = rows.map((row) => table.map((column) => makePrintable(column.text(row))))
  const widths = table.map((column, at) =>
    Math.max(column.title.length, ...cells.map((row) => lengthOf(row[at]!))),
  )
  if (columns !== null) shrink(widths, table, columns)
  const header = table.map((column, at) => fit(column.title, widths[at]!, { ...column, shorten: shortenEnd }))
  const lines = cells.map((row, index) =>
    row.map((text, at) => {
      const fitted = fit(text, widths[at]!, table[at]!)
      return table[at]!.paint?.(fitted, rows[index]!) ?? fitted
    }),
  )
  const text = [header, ...lines].map((line) => line.join(GAP).trimEnd())
  return { text, width: totalOf(widths) }
}

function totalOf(widths: number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1))
}

function shrink(widths: number[], table: Column<never>[], columns: number): void {
  while (totalOf(widths) > columns) {
    const room = widths.map((width, at) => (width > (table[at]!.shrinkTo ?? width) ? width : 0))
    const widest = Math.max(...room)
    if (widest === 0) return
    widths[room.indexOf(widest)]! -= 1
  }
}

function fit(
  text: string,
  width: number,
  { align, shorten = shortenEnd }: Pick<Column<never>, 'align' | 'shorten'>,
): string {
  const shown = shorten(text, width)
  const padding = ' '.repeat(Math.max(0, width - lengthOf(shown)))
  return align === 'right' ? padding + shown : shown + padding
}

function lengthOf(text: string): number {
  return [...text].length
}

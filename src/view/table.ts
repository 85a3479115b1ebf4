// Rows of short texts as aligned columns that fit a width: the columns that may shrink give way, widest first.

import { makePrintable } from './printable.ts'

export interface Column<Row> {
  title: string
  text(row: Row): string
  /** Applied after the width is settled. */
  paint?(text: string, row: Row): string
  align?: 'right'
  /** May be cut, with an ellipsis, down to this many characters. */
  shrinkTo?: number
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
  const header = table.map((column, at) => fit(column.title, widths[at]!, column.align))
  const lines = cells.map((row, index) =>
    row.map((text, at) => {
      const fitted = fit(text, widths[at]!, table[at]!.align)
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

function fit(text: string, width: number, align: 'right' | undefined): string {
  const characters = [...text]
  if (characters.length > width) return `${characters.slice(0, Math.max(width - 1, 0)).join('')}…`
  const padding = ' '.repeat(width - characters.length)
  return align === 'right' ? padding + text : text + padding
}

function lengthOf(text: string): number {
  return [...text].length
}

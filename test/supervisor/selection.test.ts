import { expect, test } from 'vitest'
import type { Selection } from '../../src/control/protocol.ts'
import { selectForwards } from '../../src/resolve/select.ts'
import { addSelection, stopForwards } from '../../src/supervisor/selection.ts'
import { selectionOf } from './selection-of.ts'

const nothing = selectionOf(['/p/tunnels.yaml'])
const forward = (name: string, via: string, profiles: string[] = []) =>
  [name, { name, via, profiles }] as const
const forwards = new Map([forward('web', 'acme'), forward('db', 'acme'), forward('dbg', 'spare', ['debug'])])
const project = {
  forwards,
  hosts: new Map([
    ['acme', {}],
    ['spare', {}],
  ]),
}

function selected(selection: Selection): string[] {
  return [...selectForwards(project, selection).selected].sort()
}
const up = (held: Selection, names: string[] | null, profiles: string[] = []) =>
  addSelection(held, { ...nothing, names, profiles }, forwards as never)

test('up NAME beside everything adds the name, whatever its profile', () => {
  const held = up(nothing, ['dbg'])
  expect(selected(held)).toEqual(['db', 'dbg', 'web'])
  expect(selected(up(held, ['web']))).toEqual(['db', 'dbg', 'web'])
  expect(selected(up(held, null))).toEqual(['db', 'web'])
})

test('up NAME beside names adds to them; up alone selects everything again', () => {
  const held = up({ ...nothing, names: ['web'] }, ['dbg'])
  expect(selected(held)).toEqual(['dbg', 'web'])
  expect(selected(up(held, null))).toEqual(['db', 'web'])
})

test('down NAME holds until an up selects it again', () => {
  const held = stopForwards(up(nothing, ['dbg']), ['dbg', 'web'])
  expect(selected(held)).toEqual(['db'])
  expect(selected(up(held, ['web']))).toEqual(['db', 'web'])
  expect(selected(up(held, ['dbg']))).toEqual(['db', 'dbg'])
})

import { expect, test } from 'vitest'
import { selectForwards } from '../../src/resolve/select.ts'

const forward = (name: string, via: string, ...profiles: string[]) => [name, { name, via, profiles }] as const
const project = {
  hosts: new Map([
    ['acme', {}],
    ['other', {}],
    ['idle', {}],
  ]),
  forwards: new Map([
    forward('web', 'acme'),
    forward('db', 'acme', 'data'),
    forward('debug', 'other', 'debug', 'data'),
    forward('other', 'acme', 'never'),
  ]),
}

function select(profiles: string[], names: string[] | null, stopped: string[] = []): string {
  return [...selectForwards(project, { profiles, names, stopped }).selected].join(' ')
}

test('without names it is what the profiles select', () => {
  expect(select([], null)).toBe('web')
  expect(select(['data'], null)).toBe('web db debug')
  expect(select(['debug'], null)).toBe('web debug')
  expect(select(['*'], null)).toBe('web db debug other')
})

test('a named forward is selected whatever its profiles', () => {
  expect(select([], ['db'])).toBe('db')
  expect(select(['debug'], ['db', 'web'])).toBe('db web')
})

test('a host stands for the forwards via it that the profiles select, a forward of that name comes first', () => {
  expect(select([], ['acme'])).toBe('web')
  expect(select(['data'], ['acme'])).toBe('web db')
  expect(select(['data'], ['other'])).toBe('other')
  expect(select([], ['idle'])).toBe('')
})

test('what was stopped stays out', () => {
  expect(select(['data'], null, ['web'])).toBe('db debug')
  expect(select(['data'], ['web', 'db'], ['acme'])).toBe('')
})

test('names of nothing are told', () => {
  expect(selectForwards(project, { profiles: [], names: ['web', 'wbe'], stopped: [] }).unknown).toEqual([
    'wbe',
  ])
})

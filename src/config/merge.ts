// Several files become one tree: maps merge by key, everything else is replaced, and in a later file
// null takes away what earlier files set. Short forms are expanded before, interpolation comes after.

import { emptyMap, isMap, type Place, type Plain, type PlainMap, pointer, type Tree } from './tree.ts'

/**
 * In order, later trees win; at least one. A merged map keeps the place of the first file that has it, anything
 * else has the place that won. A null in the first file stays, for the schema to judge, but for two kinds: a
 * section without content is left out, and a host without content is declared: `{}`.
 */
export function mergeTrees([first, ...later]: Tree[]): Tree {
  const places = new Map(first!.places)
  const settled = settleFirst(first!.value, places)
  const value = later.reduce((below, above) => mergeValue(below, above, '', places) ?? emptyMap(), settled)
  return { value, places }
}

/** Nothing is copied of it but the maps that change: with one file, which is the rule, that is all there is to do. */
function settleFirst(value: Plain, places: Map<string, Place>): Plain {
  if (!isMap(value)) return value
  const root = withoutEmpty(value, ['hosts', 'forwards', 'defaults'], '', places)
  if (isMap(root.defaults))
    root.defaults = withoutEmpty(root.defaults, ['hosts', 'forwards'], '/defaults', places)
  if (isMap(root.hosts)) {
    root.hosts = emptyMap(root.hosts)
    for (const [name, host] of Object.entries(root.hosts)) root.hosts[name] = host ?? emptyMap()
  }
  return root
}

/** Empty when everything below them is commented out: as good as absent. */
function withoutEmpty(map: PlainMap, sections: string[], path: string, places: Map<string, Place>): PlainMap {
  const rest = emptyMap(map)
  for (const key of sections.filter((name) => Object.hasOwn(map, name) && map[name] === null)) {
    delete rest[key]
    places.delete(path + pointer(key))
  }
  return rest
}

/** Undefined: nothing is left of it. */
function mergeValue(
  below: Plain | undefined,
  above: Tree,
  path: string,
  places: Map<string, Place>,
): Plain | undefined {
  const { value } = above
  if (value === null) return mergeNull(below, above, path, places)
  if (!isMap(value)) {
    forget(places, path, below)
    return copy(above, path, places)
  }
  if (!isMap(below)) {
    forget(places, path, below)
    place(above, path, places)
  } else if (!places.has(path)) place(above, path, places)
  return mergeMaps(isMap(below) ? below : emptyMap(), { ...above, value }, path, places)
}

function mergeNull(
  below: Plain | undefined,
  above: Tree,
  path: string,
  places: Map<string, Place>,
): Plain | undefined {
  if (below === undefined && isHost(path)) {
    place(above, path, places)
    return emptyMap()
  }
  forget(places, path, below)
  return undefined
}

function isHost(path: string): boolean {
  return /^\/hosts\/[^/]+$/.test(path)
}

function mergeMaps(
  below: PlainMap,
  above: Tree & { value: PlainMap },
  path: string,
  places: Map<string, Place>,
): PlainMap {
  const merged = emptyMap(below)
  for (const [key, value] of Object.entries(above.value)) {
    const entry = mergeValue(below[key], { ...above, value }, path + pointer(key), places)
    if (entry === undefined) delete merged[key]
    else merged[key] = entry
  }
  return merged
}

/** A list, with the places of everything in it; a scalar likewise. */
function copy(layer: Tree, path: string, places: Map<string, Place>): Plain {
  place(layer, path, places)
  for (const [key, value] of childrenOf(layer.value)) copy({ ...layer, value }, path + pointer(key), places)
  return layer.value
}

function place(layer: Tree, path: string, places: Map<string, Place>): void {
  const found = layer.places.get(path)
  if (found) places.set(path, found)
}

function forget(places: Map<string, Place>, path: string, value: Plain | undefined): void {
  places.delete(path)
  for (const [key, child] of childrenOf(value)) forget(places, path + pointer(key), child)
}

function childrenOf(value: Plain | undefined): [string, Plain][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}

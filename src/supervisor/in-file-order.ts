// Hosts and forwards in the order of the file, for who reads a status. Pure.

/** Whatever the order in which they were opened; what the file has no more comes last. `declared`: absent: no file yet. */
export function inFileOrder<T extends { name: string }>(
  declared: ReadonlyMap<string, unknown> | undefined,
  list: readonly T[],
): T[] {
  const places = new Map([...(declared?.keys() ?? [])].map((name, index) => [name, index]))
  const placeOf = ({ name }: T) => places.get(name) ?? places.size
  return list.toSorted((a, b) => placeOf(a) - placeOf(b))
}

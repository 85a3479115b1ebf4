// Finds what a file may do that its reader has to agree to (02, Trust): runs over what was understood of hosts and
// forwards, and looks at the text only for where a part stands and which variables it is made of.

import { OTHER_HOSTS, type TrustPart } from '../model/trust.ts'
import { HOST_OPTIONS } from './expand-short-forms.ts'
import type { Normalized } from './normalize.ts'
import type { Reading } from './reading.ts'
import { type Place, pointer } from './tree.ts'
import type { Traces } from './trust-finding.ts'
import { partsOfForward } from './trust-of-forward.ts'
import { partsOfHost } from './trust-of-host.ts'

/** Of every host and every forward that could be read. */
export function findTrustParts(
  reading: Reading,
  { hosts, hostDefaults, forwards }: Normalized,
  traces: Traces,
): TrustPart[] {
  const finding = { ...traces, reading, words: wordsOfShortForms(reading) }
  return [
    ...[...hosts.values()].flatMap((host) => partsOfHost(finding, host, `hosts.${host.name}`)),
    ...partsOfHost(finding, { ...hostDefaults, name: OTHER_HOSTS }, 'defaults.hosts'),
    ...[...forwards.values()].flatMap(({ spec }) => (spec ? partsOfForward(finding, spec, hosts) : [])),
  ]
}

function wordsOfShortForms({ raw }: Reading): Map<Place, string> {
  const isWord = ([path]: [string, Place]) => path.includes(pointer('', HOST_OPTIONS, ''))
  return new Map([...raw.places].filter(isWord).map(([path, place]) => [place, path]))
}

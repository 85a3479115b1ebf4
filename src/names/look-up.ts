// Names to addresses, by getaddrinfo(3): the hosts file, nsswitch.conf and all that this machine is set up with. Node
// makes such a call in a thread, two at a time, and a name server that says nothing keeps one for 10 s and longer.
// So nobody waits behind another's name server: who would is looked up aside (look-up-aside.ts).

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { type Found, type LookUp, lookUpAside } from './look-up-aside.ts'

/** What libuv has for it: half of its four threads, so that files and ciphers keep the others. */
const LANES = 2

/** A look-up that takes longer makes the others suspect that theirs would, too. */
const SLOW_MS = 500

/** For so long after one of those. */
const SUSPECT_MS = 60_000

/** An older one may be waiting for a name server that is back by now. */
const YOUNG_MS = 5_000

/** The same name, of which the older one was given up. */
const AT_ONCE = 2

/** In the order of the system; an address is its own answer, at once. */
export const lookUp: LookUp = withoutWaiting(
  (name, family) => lookup(name, { all: true, family, verbatim: true }),
  lookUpAside,
)

/** `here` is bounded and shares a thread pool; `aside` has room. */
export function withoutWaiting(here: LookUp, aside: LookUp): LookUp {
  const lookUp = shared(apart(here, aside))
  return (name, family) => (isIP(name) === 0 ? lookUp(name, family) : here(name, family))
}

/** A look-up cannot be taken back: who asks again would else add to those that hang. */
function shared(lookUp: LookUp): LookUp {
  const underWay = new Map<string, { since: number; answer: Promise<Found[]> }[]>()
  return (name, family) => {
    const key = `${family} ${name}`
    const same = underWay.get(key) ?? []
    const youngest = same.at(-1)
    const isJoined = same.length >= AT_ONCE || (youngest && performance.now() - youngest.since < YOUNG_MS)
    if (youngest && isJoined) return youngest.answer
    const answer = lookUp(name, family)
    const entry = { since: performance.now(), answer }
    underWay.set(key, [...same, entry])
    const forget = () => {
      const rest = (underWay.get(key) ?? []).filter((other) => other !== entry)
      if (rest.length > 0) underWay.set(key, rest)
      else underWay.delete(key)
    }
    answer.then(forget, forget)
    return answer
  }
}

/** Here while that is quick; else aside, where one that hangs is in nobody's way, and does not hold up our own end. */
function apart(here: LookUp, aside: LookUp): LookUp {
  const running = new Map<Promise<unknown>, number>()
  let slowAt = Number.NEGATIVE_INFINITY
  const oldestMs = () => performance.now() - Math.min(...running.values())
  const isSuspect = () => performance.now() - slowAt < SUSPECT_MS || oldestMs() >= SLOW_MS
  const timed = async (answer: Promise<Found[]>) => {
    const since = performance.now()
    await answer.catch(() => {})
    if (performance.now() - since >= SLOW_MS) slowAt = performance.now()
  }
  return async (name, family) => {
    while (running.size >= LANES && !isSuspect()) {
      const patience = delay(Math.ceil(SLOW_MS - oldestMs()), undefined, { ref: false })
      await Promise.race([...running.keys(), patience])
    }
    const isAside = isSuspect()
    const answer = isAside ? aside(name, family) : here(name, family)
    const watched = timed(answer)
    if (!isAside) {
      running.set(watched, performance.now())
      void watched.then(() => running.delete(watched))
    }
    return answer
  }
}

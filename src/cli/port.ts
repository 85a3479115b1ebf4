// `tunnels port NAME`: where a forward is to be dialled. One whose port is fixed needs nothing to run.

import { formatHostPort, type SocketAddress } from '../model/address.ts'
import { ProblemError } from '../model/problem.ts'
import { formatJson } from '../view/json.ts'
import { findAddresses, refuseTroubled } from './addresses.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'

export async function port(invocation: Invocation, name: string): Promise<number> {
  const found = await findAddresses(invocation, [name])
  if (typeof found === 'number') return found
  const forward = found.find((one) => one.name === name)
  if (!forward)
    throw new ProblemError(
      onlyHost(
        name,
        found.map((one) => one.name),
      ),
    )
  refuseTroubled([forward])
  const address = forward.address!
  const text = address.kind === 'unix' ? address.path : formatHostPort(address.host, address.port)
  const { options, terminal } = invocation
  terminal.print(`${options.json ? formatJson({ name, address: text, ...partsOf(address) }) : text}\n`)
  return EXIT.fine
}

function partsOf(address: SocketAddress): object {
  if (address.kind === 'unix') return { host: null, port: null, path: address.path }
  return { host: address.host, port: address.port, path: null }
}

function onlyHost(name: string, forwards: string[]) {
  return {
    code: 'USAGE' as const,
    summary: `${name} is a host, which listens nowhere`,
    hint: `Name one of its forwards: ${forwards.join(', ')}`,
  }
}

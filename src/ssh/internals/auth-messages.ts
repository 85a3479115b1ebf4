// What a server says while somebody logs in, and ssh2 keeps to itself.

import type { Client } from 'ssh2'
import { intercept, listOf } from './insides.ts'

type AuthFailure = (methods: string[], partialSuccess: boolean) => void

/** Calls `onFailure` for every USERAUTH_FAILURE (RFC 4252 5.1); ssh2 itself passes only some on. */
export function watchAuthFailures(client: Client, onFailure: AuthFailure): void {
  intercept(client, 'USERAUTH_FAILURE', (args, proceed) => {
    const [, methods, partial] = args
    if (Array.isArray(methods)) onFailure(methods as string[], partial === true)
    return proceed()
  })
}

/** Calls `onAlgorithms` with the signature algorithms that the server says it takes (RFC 8308 3.1). */
export function watchServerSigAlgs(client: Client, onAlgorithms: (algorithms: string[]) => void): void {
  intercept(client, 'EXT_INFO', (args, proceed) => {
    const extensions = Array.isArray(args[1]) ? (args[1] as { name?: unknown; algs?: unknown }[]) : []
    const algorithms = listOf(extensions.find(({ name }) => name === 'server-sig-algs')?.algs)
    if (algorithms) onAlgorithms(algorithms)
    return proceed()
  })
}

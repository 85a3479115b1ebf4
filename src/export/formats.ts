// What `tunnels export` can print. A format is one file beside this one, loaded only when it is the one that was asked for.

import type { Deployment } from './deployment.ts'

export type Format = (deployment: Deployment) => string

export const FORMATS: Readonly<Record<string, () => Promise<Format>>> = {
  ssh: async () => (await import('./ssh.ts')).formatSsh,
  systemd: async () => (await import('./systemd.ts')).formatSystemd,
  launchd: async () => (await import('./launchd.ts')).formatLaunchd,
  compose: async () => (await import('./compose.ts')).formatCompose,
  kubernetes: async () => (await import('./kubernetes.ts')).formatKubernetes,
}

// The library's door: a project's tunnels inside the calling process, and the reading of its files as the binary does it.

export type { LoadResult } from './config/load.ts'
export type { Event } from './control/protocol.ts'
export type { Address } from './library/address.ts'
export { loadProject, type ProjectOptions } from './library/load-project.ts'
export { type StartOptions, startTunnels, type Tunnels } from './library/start-tunnels.ts'
export { type Problem, type ProblemCode, ProblemError } from './model/problem.ts'
export type { ForwardSpec, HostSpec, Project } from './model/project.ts'
export type { ForwardStatus, HostStatus, Status } from './model/status.ts'

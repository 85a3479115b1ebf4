// The library's door: reading a tunnels.yaml as the binary does. What runs tunnels is the binary's alone.

export { type LoadOptions, type LoadResult, loadProject } from './config/load.ts'
export { type Problem, type ProblemCode, ProblemError } from './model/problem.ts'
export type { ForwardSpec, HostSpec, Project } from './model/project.ts'

// What is in effect and where each value comes from: what `tunnels config --origin` prints, as a value.

export type Origin =
  /** Where it stands in one of the files: absolute (or `-`), 1-based. */
  | {
      from: 'file'
      file: string
      line: number
      column: number
      /** `defaults.hosts.user`, where that is not the value's own place. */
      path?: string
      /** What is part of the value: `source` is `environment` or the path of the file that has the variable. */
      variables?: { name: string; source: string }[]
    }
  /** What somebody called the host: `via: me@acme:22`, a ProxyJump. */
  | { from: 'destination' }
  /** One of the files that ssh read. */
  | { from: 'ssh_config'; files: string[] }
  | { from: 'default' }

export type ExplainedValue =
  | null
  | boolean
  | number
  | string
  | ExplainedValue[]
  | { [key: string]: ExplainedValue }

/** By the keys of the file, those of maps below with a dot: `socket.mode`. */
export type ExplainedValues = Record<string, { value: ExplainedValue; origin: Origin }>

export interface Explained {
  /** A label. */
  project: string
  files: string[]
  /** Those that the selected forwards need, by name. */
  hosts: Record<string, ExplainedValues>
  forwards: Record<string, ExplainedValues>
}

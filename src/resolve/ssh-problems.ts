// What there is to say about an ssh configuration that could not be asked, or that says more than can be done: once for
// all hosts that it is true of.

import type { Problem } from '../model/problem.ts'
import type { HostSpec } from '../model/project.ts'
import type { SshAnswer } from './ssh-config.ts'
import type { SshSettings } from './ssh-settings.ts'

export interface Answered {
  own: HostSpec
  /** Null: nobody was asked. */
  answer: SshAnswer | null
}

export function tellAnswers(answers: readonly Answered[]): Problem[] {
  const groups = new Map<string, { answer: Failed; hosts: HostSpec[] }>()
  for (const { own, answer } of answers) {
    if (answer === null || answer.kind === 'settings') continue
    const key = JSON.stringify(answer)
    groups.set(key, { answer, hosts: [...(groups.get(key)?.hosts ?? []), own] })
  }
  return [...groups.values()].map(({ answer, hosts }) => {
    const [{ name, at }] = hosts as [HostSpec]
    const problem = tell(
      answer,
      hosts.map((own) => own.hostname ?? own.name),
    )
    return at && hosts.length === 1 ? { ...problem, at, path: `hosts.${name}` } : problem
  })
}

type Failed = Exclude<SshAnswer, { kind: 'settings' }>

function tell(answer: Failed, names: string[]): Problem {
  const without = 'or write ssh_config: false under the host'
  switch (answer.kind) {
    case 'absent':
      return {
        ...warning('There is no ssh on PATH: your ssh configuration is not read, the file alone counts'),
        hint: "Install OpenSSH's client, or write ssh_config: false under defaults.hosts",
      }
    case 'late':
      return {
        code: 'CONFIG_SSH',
        summary: `ssh has not said within ${answer.afterMs / 1000} s what ${answer.whose} says of ${listed(names)}`,
        hint: `See what \`ssh -G ${names[0]}\` waits for (a Match exec, a name server), ${without}`,
      }
    case 'refused':
      return {
        code: 'CONFIG_SSH',
        summary: `ssh refuses what ${answer.whose} says of ${listed(names)}`,
        ...(answer.said !== '' && { detail: answer.said }),
        hint: `Mend it until \`ssh -G ${names[0]}\` prints no error, ${without}`,
      }
  }
}

/** A process cannot take a descriptor from another one in Node. */
export function passingSocket({ name }: HostSpec): Problem {
  return {
    code: 'CONFIG_SSH',
    summary: `Your ssh configuration sets ProxyUseFdpass for ${name}, and tunnels cannot take a socket from a command`,
    hint: `Give hosts.${name} a proxy_command that stays in between, such as \`nc %h %p\` without -F`,
  }
}

/** Warnings: what restricts and is not looked at, and logins that nobody here can do. */
export function tellUnmet(
  hosts: readonly { own: HostSpec; spec: HostSpec; settings: SshSettings }[],
): Problem[] {
  const keywords = [...new Set(hosts.flatMap(({ settings }) => settings.unmet))]
  const unmet = keywords.map((keyword) => {
    const names = hosts.flatMap(({ own, settings }) => (settings.unmet.includes(keyword) ? own.name : []))
    return warning(
      `Your ssh configuration sets ${keyword} for ${listed(names)}, which tunnels does not look at`,
    )
  })
  const names = hosts.flatMap(({ own, spec }) => (needsGssapi(spec) ? own.name : []))
  const gssapi = `${listed(names)} may only be logged in to with GSSAPI or hostbased, which tunnels cannot`
  return names.length > 0 ? [...unmet, warning(gssapi)] : unmet
}

function needsGssapi({ preferredAuthentications }: HostSpec): boolean {
  return preferredAuthentications?.split(',').every((method) => /^(gssapi|hostbased)/.test(method)) ?? false
}

function warning(summary: string): Problem {
  return { code: 'CONFIG_WARNING', summary, severity: 'warning' }
}

const MOST_NAMES = 5

function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES
  return names.slice(0, MOST_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '')
}

// @ts-check
// Finds OpenSSH's `sshd` for the tests, and gets it where it is missing: root on Debian installs the package
// without starting its service, an ordinary user unpacks it into a cache folder. Starting one is test/helpers/sshd.ts.

import { execFileSync, spawnSync } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin', '/opt/homebrew/sbin', '/usr/local/openssh/sbin']

/**
 * @typedef {object} SshdProgram
 * @property {string} path absolute, as sshd wants it
 * @property {Record<string, string>} env what it needs in its environment besides ours
 * @property {string[]} config lines for sshd_config: where an unpacked sshd finds its own parts
 */

/**
 * `$TUNNELS_SSHD`, else PATH, the usual folders, then the cache of an earlier run. Installs nothing.
 * @returns {SshdProgram | null}
 */
export function findSshd() {
  const named = process.env.TUNNELS_SSHD
  if (named) return isExecutable(named) ? { path: named, env: {}, config: [] } : null
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder.startsWith('/')),
    ...FOLDERS,
  ]
  const path = folders.map((folder) => join(folder, 'sshd')).find(isExecutable)
  return path ? { path, env: {}, config: [] } : findUnpacked(cacheFolder())
}

/**
 * As `findSshd`, and where there is none gets one, saying so in one line on stderr.
 * Throws an Error whose message names the package.
 * @returns {SshdProgram}
 */
export function ensureSshd() {
  const found = findSshd()
  if (found) return found
  if (process.env.TUNNELS_SSHD)
    throw new Error(`TUNNELS_SSHD is ${process.env.TUNNELS_SSHD}: no program there`)
  if (!hasCommand('apt-get') || !hasCommand('dpkg')) throw missing('This machine has no apt-get')
  if (process.getuid?.() === 0) installPackages(['openssh-server', 'openssh-client'])
  else unpack(cacheFolder())
  const got = findSshd()
  if (!got) throw missing('It was installed, but there is no sshd where one was expected')
  return got
}

/**
 * Root on Debian: installs packages without starting any service. Throws an Error that names them.
 * @param {string[]} packages
 */
export function installPackages(packages) {
  say(`tests: installing ${packages.join(' ')} (no service is started)`)
  const allow = forbidServices()
  try {
    const options = ['-y', '-q', '-o', 'DPkg::Lock::Timeout=180', '--no-install-recommends']
    const install = () => run('apt-get', ['install', ...options, ...packages])
    if (!hasLists('/var/lib/apt/lists') || !install()) {
      run('apt-get', ['update', '-q'])
      if (!install()) throw missing('apt-get could not install it', packages)
    }
  } finally {
    allow()
  }
}

/** Debian's own switch: while policy-rc.d answers 101, no package starts a service. One that is there already stays. */
function forbidServices() {
  const policy = '/usr/sbin/policy-rc.d'
  if (existsSync(policy)) return () => {}
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return () => rmSync(policy, { force: true })
}

/** @param {string} cache */
function unpack(cache) {
  say(`tests: unpacking openssh-server into ${cache} (not installed on this machine)`)
  const work = `${cache}.${process.pid}`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(join(work, 'lists', 'partial'), { recursive: true })
  const own = hasLists('/var/lib/apt/lists') ? [] : ['-o', `Dir::State::lists=${join(work, 'lists')}`]
  if (own.length > 0) run('apt-get', ['update', '-q', ...own])
  const get = (/** @type {string} */ name) => download(name, work, own)
  if (!get('openssh-server') || !get('openssh-sftp-server')) throw missing('apt-get could not download it')
  for (let round = 0; round < 6; round++) {
    const lacking = missingLibraries(work)
    if (lacking.length === 0) break
    for (const library of lacking) get(packageOf(library)) || get(`${packageOf(library)}t64`)
  }
  if (missingLibraries(work).length > 0) throw missing(`It lacks ${missingLibraries(work).join(', ')}`)
  publish(work, cache)
}

/**
 * @param {string} name
 * @param {string} folder where it is unpacked
 * @param {string[]} options
 */
function download(name, folder, options) {
  if (!run('apt-get', ['download', '-q', ...options, name], folder)) return false
  for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.deb'))) {
    execFileSync('dpkg', ['-x', join(folder, file), folder])
    rmSync(join(folder, file))
  }
  return true
}

/**
 * Whoever comes first wins; what another run has published meanwhile is as good as ours.
 * @param {string} work
 * @param {string} cache
 */
function publish(work, cache) {
  rmSync(join(work, 'lists'), { recursive: true })
  chmodSync(work, 0o755)
  const moved = spawnSync('mv', ['-T', work, cache]).status === 0
  if (!moved) rmSync(work, { recursive: true, force: true })
}

/** @param {string} folder */
function missingLibraries(folder) {
  const programs = ['usr/sbin/sshd', 'usr/lib/openssh/sshd-session', 'usr/lib/openssh/sshd-auth']
  const present = programs.map((name) => join(folder, name)).filter((path) => existsSync(path))
  const env = { ...process.env, LD_LIBRARY_PATH: libraryFolders(folder).join(':') }
  const output = present.map((path) => spawnSync('ldd', [path], { env, encoding: 'utf8' }).stdout ?? '')
  const names = output.join('\n').matchAll(/^\s*(\S+) => not found/gm)
  return [...new Set([...names].map((match) => String(match[1])))]
}

/**
 * Debian's rule for names: libkrb5.so.3 → libkrb5-3, libcom_err.so.2 → libcom-err2.
 * @param {string} library
 */
function packageOf(library) {
  const [name = '', version = ''] = library.replaceAll('_', '-').split('.so.')
  return `${name}${/\d$/.test(name) ? '-' : ''}${version}`.toLowerCase()
}

/** @param {string} folder */
function libraryFolders(folder) {
  return ['lib', 'usr/lib'].flatMap((name) => {
    const path = join(folder, name)
    if (!existsSync(path)) return []
    return [
      path,
      ...readdirSync(path)
        .filter((entry) => entry.includes('-linux-'))
        .map((entry) => join(path, entry)),
    ]
  })
}

/**
 * @param {string} folder
 * @returns {SshdProgram | null}
 */
function findUnpacked(folder) {
  const path = join(folder, 'usr/sbin/sshd')
  if (!isExecutable(path)) return null
  const parts = { SshdSessionPath: 'sshd-session', SshdAuthPath: 'sshd-auth' }
  const config = Object.entries(parts).flatMap(([option, name]) => {
    const part = join(folder, 'usr/lib/openssh', name)
    return existsSync(part) ? [`${option} ${part}`] : []
  })
  return { path, env: { LD_LIBRARY_PATH: libraryFolders(folder).join(':') }, config }
}

function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tunnels-test', `sshd-${process.arch}`)
}

/** @param {string} folder */
function hasLists(folder) {
  return existsSync(folder) && readdirSync(folder).some((name) => name.includes('_Packages'))
}

/**
 * What it prints is shown only when it fails.
 * @param {string} command
 * @param {string[]} args
 * @param {string} [cwd]
 */
function run(command, args, cwd) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const result = spawnSync(command, args, { env, encoding: 'utf8', ...(cwd ? { cwd } : {}) })
  if (result.status !== 0)
    process.stderr.write(`${command} ${args.join(' ')}: ${result.stderr || result.stdout}`)
  return result.status === 0
}

/** @param {string} name */
function hasCommand(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/bin']
  return folders.some((folder) => isExecutable(join(folder, name)))
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * @param {string} why
 * @param {string[]} packages
 */
function missing(why, packages = ['openssh-server']) {
  return new Error(
    `The tests need ${packages.join(', ')}. ${why}. Install it, or set TUNNELS_SSHD to an sshd.`,
  )
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    process.stdout.write(`${ensureSshd().path}\n`)
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}

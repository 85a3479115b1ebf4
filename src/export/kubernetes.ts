// Manifests for Kubernetes: the files as a ConfigMap that is followed, keys and variables from Secrets, one replica, and
// a Service that leads to it.

import { formatYaml } from '../config/yaml.ts'
import {
  CONTAINER_FILE,
  containerFile,
  type Deployment,
  FOLDER_THERE,
  HOME_THERE,
  namesInFolder,
  type Served,
  servedBy,
  unitName,
  variablesToSet,
  wordsThere,
} from './deployment.ts'

const HTTP_PORT = 8080
/** The user `node` of the image. */
const UID = 1000

export function formatKubernetes(deployment: Deployment): string {
  const served = servedBy(deployment)
  const documents = [
    configMap(deployment, served),
    workload(deployment, served),
    ...(served.length > 0 ? [service(deployment, served)] : []),
  ]
  return `${hints(deployment)}${documents.map((document) => formatYaml(document)).join('---\n')}`
}

function hints(deployment: Deployment): string {
  const name = unitName(deployment)
  const variables = variablesToSet(deployment)
  return [
    `# The keys: kubectl create secret generic ${name}-ssh --from-file=id_ed25519 --from-file=known_hosts`,
    ...(variables.length > 0
      ? [
          `# Variables: kubectl create secret generic ${name}-env ${variables.map((each) => `--from-literal=${each}=…`).join(' ')}`,
        ]
      : []),
    `# The image is made by examples/Dockerfile; name yours in the place of tunnels:${deployment.version}.`,
    '',
  ].join('\n')
}

function labels(deployment: Deployment) {
  return { 'app.kubernetes.io/name': 'tunnels', 'app.kubernetes.io/instance': unitName(deployment) }
}

function metadata(deployment: Deployment) {
  return { name: unitName(deployment), labels: labels(deployment) }
}

function configMap(deployment: Deployment, served: readonly Served[]) {
  const names = namesInFolder(deployment.files)
  const data = Object.fromEntries(deployment.files.map(({ text }, at) => [names[at]!, text]))
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata(deployment),
    data: { ...data, [CONTAINER_FILE]: formatYaml(containerFile(served)) },
  }
}

/** Two at once would be two logins, and of a remote forward only one could listen. */
function workload(deployment: Deployment, served: readonly Served[]) {
  const name = unitName(deployment)
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(deployment),
    spec: {
      replicas: 1,
      strategy: { type: 'Recreate' },
      selector: { matchLabels: labels(deployment) },
      template: {
        metadata: {
          labels: labels(deployment),
          annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(HTTP_PORT) },
        },
        spec: {
          automountServiceAccountToken: false,
          // SIGTERM lets open connections finish for 25 s.
          terminationGracePeriodSeconds: 30,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: UID,
            runAsGroup: UID,
            fsGroup: UID,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          containers: [container(deployment, served)],
          volumes: [
            { name: 'files', configMap: { name } },
            { name: 'ssh', secret: { secretName: `${name}-ssh`, defaultMode: 0o400 } },
            { name: 'tmp', emptyDir: {} },
          ],
        },
      },
    },
  }
}

function container(deployment: Deployment, served: readonly Served[]) {
  const probe = (path: string) => ({ httpGet: { path, port: 'http' }, periodSeconds: 10, timeoutSeconds: 5 })
  const more = variablesToSet(deployment).length > 0
  return {
    name: 'tunnels',
    image: `tunnels:${deployment.version}`,
    args: [...wordsThere(deployment), '--http', `0.0.0.0:${HTTP_PORT}`],
    ...(more && { envFrom: [{ secretRef: { name: `${unitName(deployment)}-env` } }] }),
    ports: [
      { name: 'http', containerPort: HTTP_PORT },
      ...served.map(({ port }) => ({ containerPort: port })),
    ],
    livenessProbe: probe('/healthz'),
    readinessProbe: probe('/readyz'),
    resources: { requests: { cpu: '10m', memory: '96Mi' }, limits: { memory: '512Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      // Whole folders: a single file that is mounted never changes.
      { name: 'files', mountPath: FOLDER_THERE, readOnly: true },
      { name: 'ssh', mountPath: `${HOME_THERE}/.ssh`, readOnly: true },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  }
}

function service(deployment: Deployment, served: readonly Served[]) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(deployment),
    spec: {
      selector: labels(deployment),
      ports: served.map(({ port }) => ({ name: `p${port}`, port, targetPort: port })),
    },
  }
}

// A service for Docker Compose, beside the services that use the tunnels: they reach a forward by the service's name.

import { formatYaml } from '../config/yaml.ts'
import {
  CONTAINER_FILE,
  containerFile,
  type Deployment,
  FOLDER_THERE,
  HOME_THERE,
  namesInFolder,
  servedBy,
  variablesToSet,
  wordsThere,
} from './deployment.ts'

export function formatCompose(deployment: Deployment): string {
  const served = servedBy(deployment)
  const names = namesInFolder(deployment.files)
  const variables = variablesToSet(deployment)
  const service = {
    image: `tunnels:${deployment.version}`,
    command: wordsThere(deployment),
    restart: 'unless-stopped',
    stop_grace_period: '30s',
    read_only: true,
    tmpfs: ['/tmp'],
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    volumes: [
      ...deployment.files.map(({ path }, at) => `${path}:${FOLDER_THERE}/${names[at]}:ro`),
      `\${HOME}/.ssh:${HOME_THERE}/.ssh:ro`,
    ],
    configs: [{ source: 'tunnels_container', target: `${FOLDER_THERE}/${CONTAINER_FILE}` }],
    ...(variables.length > 0 && { environment: variables }),
    expose: served.map(({ port }) => String(port)),
    healthcheck: {
      test: ['CMD', 'tunnels', '-p', deployment.project.name, 'status', '--check', '--quiet'],
      interval: '30s',
      timeout: '10s',
      start_period: '30s',
    },
  }
  const content = formatYaml(containerFile(served)).replaceAll('$', '$$$$')
  return `${hints(deployment)}${formatYaml({
    services: { tunnels: service },
    configs: { tunnels_container: { content } },
  })}`
}

function hints({ version }: Deployment): string {
  return [
    `# The image tunnels:${version} is made by examples/Dockerfile: its first lines say how.`,
    '# Other services reach a forward at the host tunnels and its port. It reads your keys from ~/.ssh; in their place,',
    '# mount a folder with a key for this service alone, and its known_hosts.',
    '',
  ].join('\n')
}

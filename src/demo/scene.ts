// Everything that has to be there before the first tunnel: the far side, a service on this machine, a folder
// with a key and the file. All of it is the demo's own, on loopback and in the temporary folder.

import { type FarSide, startFarSide } from './far-side.ts'
import { findFreePorts } from './free-ports.ts'
import { type DemoFolder, makeFolder, type Numbers } from './project-file.ts'
import { startWebService } from './web-service.ts'

export interface Scene {
  far: FarSide
  folder: DemoFolder
  numbers: Numbers
}

export const NEAR_GREETING = 'Hello from your own machine.'

/** What has been opened is handed to `atEnd` at once, so that a failure in between leaves nothing behind. */
export async function setScene(atEnd: (close: () => Promise<void>) => void): Promise<Scene> {
  const far = await startFarSide()
  atEnd(far.stop)
  const near = await startWebService(NEAR_GREETING)
  atEnd(near.stop)
  const folder = await makeFolder(far.clientKey.privateKey)
  atEnd(folder.remove)
  const [web = 0, browse = 0, docs = 0, webhook = 0] = await findFreePorts(4)
  const { fingerprint } = far.hostKey
  const numbers = { sshPort: far.sshPort, fingerprint, web, browse, docs, webhook, near: near.port }
  return { far, folder, numbers }
}

// The demo's far side: an SSH server, and behind it two web services that have names only there.

import { type KeyPair, makeKeyPair } from './key-pair.ts'
import { startSshServer } from './ssh-server.ts'
import { startWebService, type WebService } from './web-service.ts'

export interface FarSide {
  sshPort: number
  hostKey: KeyPair
  /** The one key that may log in, as the user `demo`. */
  clientKey: KeyPair
  /** `web.demo:80` there. */
  web: WebService
  /** `shop.demo:80` there. */
  shop: WebService
  /** Logins so far. */
  logins(): number
  stop(): Promise<void>
}

export const WEB_GREETING = 'Hello from web.demo, on the far side.'
export const SHOP_GREETING = 'Hello from shop.demo, on the far side.'

export async function startFarSide(): Promise<FarSide> {
  const [hostKey, clientKey] = [makeKeyPair(), makeKeyPair()]
  const [web, shop] = await Promise.all([startWebService(WEB_GREETING), startWebService(SHOP_GREETING)])
  const names = new Map([
    ['web.demo:80', web.port],
    ['shop.demo:80', shop.port],
  ])
  const ssh = await startSshServer({
    hostKey,
    user: 'demo',
    authorizedKey: clientKey.publicKey,
    reach: (host, port) => {
      const there = names.get(`${host}:${port}`)
      return there === undefined ? null : { host: '127.0.0.1', port: there }
    },
  })
  const stop = async () => {
    await Promise.all([ssh.stop(), web.stop(), shop.stop()])
  }
  return { sshPort: ssh.port, hostKey, clientKey, web, shop, logins: ssh.logins, stop }
}

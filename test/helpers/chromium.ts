// A real browser without a window: Debian's Chromium, driven by playwright-core, which brings none of its own.

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { atEnd } from './cleanup.ts'

export type { Page } from 'playwright-core'

/** Closed after the test (or the file). Throws where there is no Chromium, naming the package. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = findChromium()
  // Its sandbox is not for root, and its profile, in a folder of its own, is small.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
  const browser = await chromium.launch({ executablePath, args, timeout: 90_000 })
  atEnd(() => browser.close())
  return browser
}

/** `$TUNNELS_CHROMIUM`, else by its usual names on PATH. */
function findChromium(): string {
  const named = process.env.TUNNELS_CHROMIUM
  const folders = (process.env.PATH ?? '').split(delimiter)
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const paths = named ? [named] : names.flatMap((name) => folders.map((folder) => join(folder, name)))
  const found = paths.find(isExecutable)
  if (found) return found
  throw new Error(
    'This test needs Chromium: install the package chromium (Debian), or set TUNNELS_CHROMIUM to a Chromium or Chrome',
  )
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

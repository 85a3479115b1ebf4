// The page as one document: its script and its style stand in it and are named by hash, so that it loads nothing, and a
// browser runs nothing else.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What scripts/build.mjs makes of src/dashboard-page/. */
export interface PageParts {
  script: string
  style: string
  /** Of the page that stands where the token is missing. */
  againScript: string
}

export interface Page {
  html: string
  /** Content-Security-Policy. */
  policy: string
}

/** From the folder `dashboard` of dist/. */
export async function readPageParts(folder: string): Promise<PageParts> {
  const read = (name: string) => readFile(join(folder, name), 'utf8')
  const [script, style, againScript] = await Promise.all(['main.js', 'main.css', 'again.js'].map(read))
  return { script: script!, style: style!, againScript: againScript! }
}

export function makePage({ script, style }: PageParts): Page {
  const head = `<style>${style}</style>`
  return {
    html: document(head, `<div id="app"></div>\n<script>${script}</script>`),
    policy: policyOf(script, style),
  }
}

/** For who comes without the token: a tab that had it, and was loaded again, comes back with it. */
export function makeAgainPage({ againScript }: PageParts): Page {
  const body = `<p>This page opens with the address that <code>tunnels dashboard</code> has printed.</p>`
  return { html: document('', `${body}\n<script>${againScript}</script>`), policy: policyOf(againScript, '') }
}

/** A browser that is told no icon asks for one. */
const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M1 14V8a7 7 0 0 1 14 0v6h-3V8a4 4 0 0 0-8 0v6z' fill='%23397'/%3E%3C/svg%3E"

function document(head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>tunnels</title>
<link rel="icon" href="${ICON}">
${head}
</head>
<body>
${body}
</body>
</html>
`
}

function policyOf(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // No text can become markup or code, whatever the script does with it.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

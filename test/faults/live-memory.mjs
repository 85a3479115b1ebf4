// Loaded into the supervisor that the soak watches (`node --import`): once in a while, and after a full collection, so
// that only what is still in use counts, it writes down how much memory that is. One JSON line each.

import { appendFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
const { SOAK_MEMORY_FILE: file, SOAK_MEMORY_EVERY_MS: every = '60000' } = process.env

function look() {
  collect()
  const { heapUsed, external, rss } = process.memoryUsage()
  appendFileSync(file, `${JSON.stringify({ live: heapUsed + external, rss })}\n`)
}

if (file) setInterval(look, Number(every)).unref()

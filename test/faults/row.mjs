// One row of the fault table, in a process (and, with `--network`, namespaces) of its own. Prints its result as JSON.

import { openLab } from './lab.mjs'
import { rows } from './rows.mjs'

const [, , name, mode] = process.argv
const lab = await openLab({ network: mode === '--network' })

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => lab.close().finally(() => process.exit(1)))
}

let outcome
try {
  outcome = await rows[name].run(lab)
} catch (error) {
  outcome = { ok: false, cells: {}, error: String(error.stack ?? error) }
} finally {
  await lab.close()
}
process.stdout.write(`${JSON.stringify({ name, ...outcome })}\n`, () => process.exit(0))

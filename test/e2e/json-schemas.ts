// Holds what the binary prints as JSON against the schemas that the package ships.

import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'

const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true })
ajv.addFormat('date-time', (text: string) => new Date(text).toJSON() === text)

/** Throws with every violation, and the value, unless it is as the schema says. */
export function expectSchema(
  name:
    | 'status'
    | 'plan'
    | 'events'
    | 'doctor'
    | 'hostkeys'
    | 'origins'
    | 'trust'
    | 'env'
    | 'port'
    | 'holders'
    | 'import'
    | 'export',
  value: unknown,
): void {
  const file = new URL(`../../schema/${name}.schema.json`, import.meta.url)
  const validate =
    ajv.getSchema(name) ?? ajv.addSchema(JSON.parse(readFileSync(file, 'utf8')), name).getSchema(name)!
  if (validate(value)) return
  throw new Error(
    `Not as ${name}.schema.json says: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`,
  )
}

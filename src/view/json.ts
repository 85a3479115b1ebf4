// An answer as JSON, for scripts that a person may be looking at: what a terminal would obey is written as an escape,
// which means the same to every parser.

export function formatJson(value: unknown, indent?: number): string {
  return escapeInQuotes(JSON.stringify(value, null, indent))
}

/**
 * For text in which such characters stand between double quotes only, JSON or YAML: their serialisers leave DEL, C1
 * (CSI is one of them) and direction marks as they are (RFC 8259, section 7).
 */
export function escapeInQuotes(text: string): string {
  return text.replace(
    /[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

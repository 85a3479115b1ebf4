// What only a person can say, as a value: it stands in the status while a connection waits for it, and whoever is
// attached answers it through the control socket. The answer itself is never part of a status, an event or a log.

/** What a connection asks. Texts that came from a server are already cleaned of control characters. */
export interface Question {
  kind: 'passphrase' | 'password' | 'keyboard_interactive' | 'host_key'
  /** One sentence: who wants what. */
  summary: string
  /** The server's instruction, a fingerprint with its randomart. */
  detail?: string
  /** Each wants one answer, in order. `echo`: what is typed may be seen. None: only to be read and confirmed. */
  fields: { text: string; echo: boolean }[]
}

export interface Prompt extends Question {
  /** Unlike that of any other prompt of the same supervisor. */
  id: string
  /** Name of the host that waits. */
  host: string
}

/**
 * Answers to each field, in order; null when nobody is there to ask, or who is there wants to say nothing: a
 * problem then says what is needed. Rejects with the signal's reason.
 */
export type Ask = (question: Question, signal: AbortSignal) => Promise<string[] | null>

// Texts that are too long for their place, with an ellipsis for what is missing. Lengths are in characters.

export function shortenEnd(text: string, length: number): string {
  const characters = [...text]
  if (characters.length <= length) return text
  return `${characters.slice(0, Math.max(length - 1, 0)).join('')}…`
}

/** Of `localhost:8080` the port is what somebody needs, of a socket's path its end: that stays longest. */
export function shortenAddress(text: string, length: number): string {
  if ([...text].length <= length) return text
  const [, host = '', port] = /^(.*?)(:\d+(?: .*)?)$/.exec(text) ?? []
  if (port === undefined)
    return text.includes('/') ? shortenBeginning(text, length) : shortenEnd(text, length)
  const room = length - [...port].length
  return room > 0 ? `${shortenEnd(host, room)}${port}` : shortenEnd(`…${port}`, length)
}

function shortenBeginning(text: string, length: number): string {
  const characters = [...text]
  return `…${characters.slice(characters.length - Math.max(length - 1, 0)).join('')}`
}

// How long the path of a Unix socket may be: Node cuts a longer one without a word and uses another file.

/** sockaddr_un(7): 108 bytes with the final NUL, 104 on macOS. */
const maxBytes = process.platform === 'darwin' ? 103 : 107

/** What is wrong with the path, or null. */
export function checkUnixPath(path: string): string | null {
  const bytes = Buffer.byteLength(path)
  return bytes > maxBytes
    ? `the path of a Unix socket has at most ${maxBytes} bytes, this one has ${bytes}`
    : null
}

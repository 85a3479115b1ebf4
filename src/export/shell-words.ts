// Words of a command line as somebody would quote them for a POSIX shell: sh(1), "Quoting". What is between single quotes is
// as it is, in zsh and fish too.

export function formatShellWords(words: readonly string[]): string {
  return words.map(quoteWord).join(' ')
}

function quoteWord(word: string): string {
  // zsh takes a leading = for a command's path, and ~ is a home folder for all.
  if (/^[\w@%+:,./-][\w@%+:,./=-]*$/.test(word)) return word
  return `'${word.replaceAll("'", "'\\''")}'`
}

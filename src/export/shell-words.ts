// Words of a command line quoted for whatever shell they are pasted into: sh(1), "Quoting". Between single quotes all is as
// it is; but in fish a backslash is special there before another one and before the quote.

export function formatShellWords(words: readonly string[]): string {
  return words.map(quoteWord).join(' ')
}

function quoteWord(word: string): string {
  // zsh takes a leading = for a command's path, and ~ is a home folder for all.
  if (/^[\w@%+:,./-][\w@%+:,./=-]*$/.test(word)) return word
  return `'${word.replaceAll(/'|\\(?=['\\]|$)/g, "'\\$&'")}'`
}

// A sentence in which `this` is what one types.

export function Words({ text }: { text: string }) {
  const parts = text.split(/`([^`]+)`/)
  return <>{parts.map((part, index) => (index % 2 ? <code key={part}>{part}</code> : part))}</>
}
